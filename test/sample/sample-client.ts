/** A session as `GET /devices` of sample 03 lists it. */
export interface Device {
  readonly id: string;
  readonly isThisDevice: boolean;
  readonly metadata: {
    readonly ip?: string;
    readonly userAgent?: string;
    readonly label?: string;
  };
}

export interface SampleAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly json: any;
}

/** A client of a sample that keeps the one cookie it is given. */
export class SampleClient {
  cookie = '';

  constructor(
    private readonly url: string,
    private readonly userAgent = 'curl/8.5.0',
  ) {}

  get(path: string): Promise<SampleAnswer> {
    return this.send(path, {});
  }

  post(
    path: string,
    body: object = {},
    headers: Record<string, string> = {},
  ): Promise<SampleAnswer> {
    return this.send(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }

  async signIn(user: string, device: object = {}): Promise<void> {
    const { status } = await this.post('/login', { user, ...device });
    if (status !== 201) {
      throw new Error(`POST /login answered ${status}`);
    }
  }

  async devices(): Promise<Device[]> {
    const { status, json } = await this.get('/devices');
    if (status !== 200) {
      throw new Error(`GET /devices answered ${status}`);
    }
    return json.devices;
  }

  async ownId(): Promise<string> {
    const own = (await this.devices()).filter((it) => it.isThisDevice);
    if (own.length !== 1) {
      throw new Error(`${own.length} devices are this one`);
    }
    return own[0]!.id;
  }

  private async send(path: string, init: RequestInit): Promise<SampleAnswer> {
    const response = await fetch(this.url + path, {
      ...init,
      headers: {
        'User-Agent': this.userAgent,
        ...(this.cookie && { Cookie: this.cookie }),
        ...(init.headers as Record<string, string>),
      },
    });
    const [line] = response.headers.getSetCookie();
    if (line !== undefined) {
      this.cookie = line.includes('Max-Age=0;') ? '' : line.split(';')[0]!;
    }
    const text = await response.text();
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      json: text ? JSON.parse(text) : undefined,
    };
  }
}
