/**
 * Who may talk to the server: it listens on 127.0.0.1 only, but every program and every web page on this machine can reach
 * that. A link holds a token that works once and is traded for a cookie; names other than the loopback's (DNS rebinding)
 * and other origins (a page elsewhere) are turned away.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const TOKEN_BYTES = 32;
/** Links that were handed out and not used. */
const MOST_TOKENS = 16;

export class Access {
  readonly #port: number;
  readonly #session = token();
  #tokens: string[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** An address that opens the app once. */
  link(): string {
    const fresh = token();
    this.#tokens = [...this.#tokens, fresh].slice(-MOST_TOKENS);
    return `http://127.0.0.1:${this.#port}/?token=${fresh}`;
  }

  /** The cookie for whoever holds this token, which is used up; null: it is none. */
  redeem(offered: string): string | null {
    const found = this.#tokens.find((candidate) => same(candidate, offered));
    if (found === undefined) return null;
    this.#tokens = this.#tokens.filter((candidate) => candidate !== found);
    return `${this.#cookie}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** Whether a request was meant for this server. */
  isOurHost(request: IncomingMessage): boolean {
    return this.#names.includes(request.headers.host ?? '');
  }

  /** Whether it comes from the app's own page, with the cookie. */
  isOurPage(request: IncomingMessage): boolean {
    const origins = this.#names.map((name) => `http://${name}`);
    return this.isOurHost(request) && origins.includes(request.headers.origin ?? '') && this.isKnown(request);
  }

  isKnown(request: IncomingMessage): boolean {
    const cookies = (request.headers.cookie ?? '').split(';').map((cookie) => cookie.trim().split('='));
    return cookies.some(([name, value]) => name === this.#cookie && same(value ?? '', this.#session));
  }

  get #names(): string[] {
    return [`127.0.0.1:${this.#port}`, `localhost:${this.#port}`];
  }

  /** Cookies are of a host, not of a port. */
  get #cookie(): string {
    return `reveille-${this.#port}`;
  }
}

function token(): string {
  return randomBytes(TOKEN_BYTES).toString('hex');
}

function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
