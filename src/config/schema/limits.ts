/** The longest that a call to an issuer or a store may be allowed to take, milliseconds: the engine's waits count on it. */
export const LONGEST_CALL_MS = 60_000;
/** The largest body of reported leaks that the control API takes, bytes. */
export const LARGEST_LEAK_BODY = 8_388_608;
