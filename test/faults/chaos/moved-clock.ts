/** The time of the application and of its store: that of the machine, and so many milliseconds more. */
export class MovedClock {
  aheadMilliseconds = 0;

  nowSeconds(): number {
    return (Date.now() + this.aheadMilliseconds) / 1000;
  }

  format(): string {
    return new Date(this.nowSeconds() * 1000).toISOString().slice(5, 23);
  }
}
