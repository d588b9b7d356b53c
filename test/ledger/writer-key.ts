export const ROOT_KEY_TEXT = 'root-key-of-a-ledger-whose-writer-dies';
