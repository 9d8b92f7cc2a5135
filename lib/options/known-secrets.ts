/**
 * Secrets published in documentation, sample code and word lists: anyone can sign with them. Shorter ones are already
 * refused for their length.
 */
export const KNOWN_SECRETS: readonly string[] = [
  // README of auth-jwt-express
  'fnh0X8EK8Qi+g8Rye6/AJ3B/GqODvihkrkHXpEl3eC+TD1yPT+EsJ6aMmzF8bFmSnhjQGjFMGAsTdHHnjDxH6Q==',
  // jwt.io
  'a-string-secret-at-least-256-bits-long',
  'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  // docs.nestjs.com
  'DO NOT USE THIS VALUE. INSTEAD, CREATE A COMPLEX SECRET AND KEEP IT SAFE OUTSIDE OF THE SOURCE CODE.',
  // RFC 7515, appendix A.1 (also in many test suites)
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  // RFC 7520, sections 3.5 and 3.6
  'hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg',
  'AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8',
  // iron-session
  'complex_password_at_least_32_characters_long',
  // better-auth
  'better-auth-secret-12345678901234567890',
  // documentation of Supabase and Hasura
  'super-secret-jwt-token-with-at-least-32-characters-long',
  '3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R',
  // word lists and tutorials
  '413F4428472B4B6250645367566B5970337336763979244226452948404D6351',
  '9a4f2c8d3b7a1e6f45c8a0b3f267d8b1d4e6f3c8a9d2b5f8e3a9c8b5f6v8a3d9',
  'my-32-character-ultra-secure-and-ultra-long-secret',
  '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970',
  '3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b',
  'ThisIsMySuperSecretKeyForJwtTokenGenerationAndValidation',
];

/** Placeholders that were never replaced. */
export const PLACEHOLDER =
  /change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this)|your[-_ ]?(?:\w+[-_ ])?(?:secret|key)|super[-_ ]?secret|keyboard cat|do not use|insecure|placeholder/i;
