import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';

/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY hold for every fetch from here on; call it before anything calls out. */
export function honourProxies(): void {
  setGlobalDispatcher(new EnvHttpProxyAgent());
}
