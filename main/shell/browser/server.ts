/** The app in a browser: its page and its WebSocket, for this machine alone. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';
import * as v from 'valibot';
import { WebSocketServer } from 'ws';
import { MOST_UPLOAD } from '../../../preload/contract/channels';
import { AppError, ReveilleError, sentence, systemReason } from '../../app/errors';
import type { App } from '../../app/app';
import { PANELS_PATH, PANEL_POLICY, contentSecurityPolicy } from '../../app/page-policy';
import { FILE_REFUSED, linkRequest } from '../../app/single-instance';
import { Access } from './access';
import { WindowSession } from './window-session';

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const NO_SOCKET = 'Only the page that Reveille served may connect here, from the browser that it was opened in.';

/** An upload, and the JSON around it. */
const MOST_MESSAGE = MOST_UPLOAD + 2 ** 16;
/** Bytes of a request for a link: paths of files. */
const MOST_REQUEST = 2 ** 20;

interface ServerOptions {
  /** Of 127.0.0.1; 0 takes a free one. */
  port: number;
  /** The built renderer, a URL that ends in a slash. */
  pages: URL;
  /** Whoever knows it gets a link. */
  secret: string;
}

export class BrowserServer {
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #access: Access;
  readonly #app: App;
  readonly port: number;

  readonly #secret: string;

  private constructor(server: Server, app: App, { pages, secret }: ServerOptions, port: number) {
    this.port = port;
    this.#secret = secret;
    this.#app = app;
    this.#server = server;
    this.#access = new Access(port);
    const serve = sirv(fileURLToPath(pages), { dev: false, etag: false });
    server.on('request', (request, response) => this.#respond(request, response, serve));
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE, perMessageDeflate: false });
    server.on('upgrade', (request, socket, head) => {
      // Whoever is turned away may hang up first.
      socket.on('error', () => {});
      if (request.url !== '/app' || !this.#access.isOurPage(request)) {
        socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n${NO_SOCKET}\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => void new WindowSession(client, app));
    });
  }

  static async listen(app: App, options: ServerOptions): Promise<BrowserServer> {
    const { port } = options;
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        const way = port === 0 ? '' : ' Use --port 0, which takes a free one';
        reject(new AppError('host', `Port ${port} of 127.0.0.1 cannot be used: ${systemReason(error)}.${way}`));
      });
      server.listen(port, '127.0.0.1', resolve);
    });
    return new BrowserServer(server, app, options, (server.address() as AddressInfo).port);
  }

  /** An address that opens the app once. */
  link(): string {
    return this.#access.link();
  }

  async close(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#sockets.close();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #respond(request: IncomingMessage, response: ServerResponse, serve: ReturnType<typeof sirv>): void {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const hosts = [`127.0.0.1:${this.port}`, `localhost:${this.port}`];
    const sockets = hosts.map((host) => `ws://${host}`).join(' ');
    const origins = hosts.map((host) => `http://${host}`);
    response.setHeader('Content-Security-Policy', contentSecurityPolicy(sockets, origins));
    if (!this.#access.isOurHost(request)) {
      refuse(response, `This server answers to 127.0.0.1:${this.port} only.`);
      return;
    }
    const target = request.url ?? '/';
    if (!URL.canParse(target, `http://127.0.0.1:${this.port}`)) {
      refuse(response, 'This is no address of a page.', 400);
      return;
    }
    const url = new URL(target, `http://127.0.0.1:${this.port}`);
    if (request.method === 'POST' && url.pathname === '/link') {
      if (request.headers.authorization === `Bearer ${this.#secret}`) void this.#openFor(request, response);
      else refuse(response, 'Only Reveille itself may ask for a link.');
      return;
    }
    const offered = url.searchParams.get('token');
    if (offered !== null) {
      this.#redeem(offered, request, response);
      return;
    }
    if (!this.#access.isKnown(request)) {
      refuse(
        response,
        'This page opens by the link that Reveille printed; each link works once. Run "reveille app" for a new one.',
      );
      return;
    }
    if (url.pathname.startsWith(PANELS_PATH)) {
      const page = this.#app.plugins.panel(url.pathname);
      if (page === null) refuse(response, 'There is no such panel.', 404);
      else
        response
          .writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': PANEL_POLICY })
          .end(page);
      return;
    }
    serve(request, response, () => refuse(response, 'There is no such page.', 404));
  }

  /** For a `reveille app` that came later: opens its machine files, and gives it a link. */
  async #openFor(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = v.safeParse(linkRequest, await contentOf(request));
    if (!asked.success) {
      refuse(response, 'This is no request for a link.', 400);
      return;
    }
    try {
      for (const file of asked.output.files) this.#app.importFile(file);
    } catch (error) {
      if (!(error instanceof ReveilleError)) throw error;
      refuse(response, sentence(error.message), FILE_REFUSED);
      return;
    }
    response.writeHead(200).end(this.link());
  }

  #redeem(offered: string, request: IncomingMessage, response: ServerResponse): void {
    const cookie = this.#access.redeem(offered);
    if (cookie === null && !this.#access.isKnown(request)) {
      refuse(response, 'This link was used already, or is not Reveille’s. Run "reveille app" for a new one.');
      return;
    }
    response.writeHead(303, { Location: '/', ...(cookie === null ? {} : { 'Set-Cookie': cookie }) }).end();
  }
}

/** The JSON that comes with a request; undefined where that is none, too long, or its sender hung up. */
async function contentOf(request: IncomingMessage): Promise<unknown> {
  // Node holds the sender to the length that it has announced.
  if (!(Number(request.headers['content-length']) <= MOST_REQUEST)) return undefined;
  try {
    return JSON.parse(await text(request));
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, words: string, status = 403): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${words}\n`);
}
