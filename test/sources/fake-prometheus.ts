/** As much of Prometheus as a query of a range needs, and the ways in which it fails. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly path: string | undefined;
  readonly form: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

export interface FakePrometheus {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** What it answers; `null` is its own data. */
  answer: ((asked: Asked, response: ServerResponse) => void) | null;
  /** Adds requests of a minute (its beginning) to what a query gives. */
  add(query: string, labels: Readonly<Record<string, string>>, minute: number, value: number | string): void;
  close(): Promise<void>;
}

export const success = (result: unknown): string => JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } });

export async function fakePrometheus(): Promise<FakePrometheus> {
  const data = new Map<string, Map<string, Map<number, number | string>>>();
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void body(request).then((text) => {
      const one = { path: request.url, form: new URLSearchParams(text), headers: request.headers };
      asked.push(one);
      if (fake.answer === null) response.end(success(rangeOf(data.get(one.form.get('query') ?? ''), one.form)));
      else fake.answer(one, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const fake: FakePrometheus = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: null,
    add(query, labels, minute, value) {
      const series = data.get(query) ?? new Map<string, Map<number, number | string>>();
      data.set(query, series);
      const name = JSON.stringify(labels);
      const samples = series.get(name) ?? new Map<number, number | string>();
      series.set(name, samples);
      const before = samples.get(minute);
      samples.set(minute, typeof value === 'number' && typeof before === 'number' ? before + value : value);
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return fake;
}

function rangeOf(series: Map<string, Map<number, number | string>> | undefined, form: URLSearchParams): unknown {
  const [start, end] = ['start', 'end'].map((name) => Number(form.get(name)));
  return [...(series ?? [])].map(([name, samples]) => ({
    metric: JSON.parse(name) as unknown,
    values: [...samples].map(([minute, value]) => [(minute + 60_000) / 1_000, String(value)] as const).filter(([time]) => time >= (start ?? 0) && time <= (end ?? 0)),
  }));
}

async function body(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
