import { conventionProblem } from '../../core/naming.ts';
import type { CredentialConfig } from '../schema/credentials.ts';
import type { IssuerConfig } from '../schema/issuers.ts';
import type { CheckInput, Remark } from './input.ts';

const SCOPES: Readonly<Record<IssuerConfig['generation'], readonly string[]>> = {
  1: ['memory:read', 'memory:write', 'memory:admin'],
  2: ['owner', 'member'],
};

export function checkCredentials({ config }: CheckInput): readonly Remark[] {
  const all = Object.entries(config.credentials);
  const single = all.flatMap(([name, credential]) =>
    [...adoption(credential), ...keyName(name, credential), ...atIssuer(credential, config.issuers[credential.issuer])].map((remark) => ({ ...remark, path: ['credentials', name, ...remark.path] })),
  );
  return [...single, ...adoptedTwice(all)];
}

function adoption({ adopt }: CredentialConfig): Remark[] {
  const given = adopt === undefined ? 1 : [adopt.keyId, adopt.name].filter((value) => value !== undefined).length;
  return given === 1 ? [] : [{ path: ['adopt'], atKey: true, message: given === 0 ? 'names no key (expected keyId or name)' : 'names a key twice (expected either keyId or name)' }];
}

function keyName(name: string, credential: CredentialConfig): Remark[] {
  const problem = conventionProblem(credential.keyName ?? name);
  return problem === null ? [] : [{ path: credential.keyName === undefined ? [] : ['keyName'], atKey: true, message: problem, warning: true }];
}

function atIssuer(credential: CredentialConfig, issuer: IssuerConfig | undefined): Remark[] {
  if (issuer === undefined) return [];
  return [...scopes(credential, issuer), ...environment(credential, issuer)];
}

function scopes(credential: CredentialConfig, { generation }: IssuerConfig): Remark[] {
  const known = SCOPES[generation];
  const remarks: Remark[] = credential.scopes.flatMap((scope, n) =>
    known.includes(scope) ? [] : [{ path: ['scopes', n], message: `"${scope}" is no scope of generation ${generation} (expected one of: ${known.join(', ')})` }],
  );
  if (new Set(credential.scopes).size < credential.scopes.length) remarks.push({ path: ['scopes'], message: 'names a scope twice (expected each once)' });
  if (generation === 2 && credential.graph === undefined) remarks.push({ path: [], atKey: true, message: 'names no graph, and keys of generation 2 are bound to one: the issuer will choose', warning: true });
  return remarks;
}

function environment(credential: CredentialConfig, issuer: IssuerConfig): Remark[] {
  const { environment } = credential;
  if (environment === undefined || issuer.environment === undefined || environment === issuer.environment) return [];
  return [{ path: ['environment'], message: `is ${environment}, but issuer ${credential.issuer} mints keys of ${issuer.environment} (expected ${issuer.environment}, or another issuer)` }];
}

function adoptedTwice(all: readonly [string, CredentialConfig][]): Remark[] {
  const wants = all.flatMap(([name, { issuer, adopt }]) =>
    (['keyId', 'name'] as const).flatMap((by) => (adopt?.[by] === undefined ? [] : [{ name, by, key: JSON.stringify([issuer, by, adopt[by]]) }])),
  );
  return wants.flatMap(({ name, by, key }, n) => {
    const first = wants.slice(0, n).find((earlier) => earlier.key === key && earlier.name !== name);
    return first === undefined ? [] : [{ path: ['credentials', name, 'adopt', by], message: `is the key that credential ${first.name} adopts already (expected each key at one credential)` }];
  });
}
