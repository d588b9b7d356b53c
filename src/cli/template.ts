/** What `keyturn init` writes. A test loads it with the real configuration loader. */
export const TEMPLATE = `# Keyturn configuration. docs/config.md describes every field; \`keyturn validate\` checks this file.
# Secrets never stand here: \${env:NAME} takes a variable, \${file:/path} a file.
version: 1

# Who mints the keys.
issuers:
  hypermemory:
    type: hypermemory
    # A key with the scope memory:admin. It lists, creates and revokes the others.
    adminKey: \${env:HYPERMEMORY_ADMIN_KEY}
    # Names of keys that people look after themselves, such as the admin key: they are not reported.
    # knownKeys: [my-admin-key]

# Where new keys are published for applications.
stores:
  app-env:
    type: env-file
    path: ./app.env
    createIfMissing: true
  # aws:
  #   type: aws-secrets-manager
  #   region: eu-central-1

# When keys are replaced, and how long the old one lives on.
policies:
  monthly:
    every: 30d
    overlap: 24h
    quiet: 1h
    # window:
    #   days: mon-fri
    #   hours: "09:00-17:00"
    #   timezone: Europe/Berlin

# The secrets that applications use.
credentials:
  prod-api-server:
    issuer: hypermemory
    scopes: [memory:read, memory:write]
    policy: monthly
    # owner: platform-team
    stores:
      - store: app-env
        variable: HYPERMEMORY_API_KEY
      # - store: aws
      #   secretId: prod/api-server
      #   field: HYPERMEMORY_API_KEY
      #   record: true
    # checks: [app-health]
    # The key that the store holds already, if there is one:
    # adopt:
    #   name: prod-api-server

# Proof that an application works with its new key; red means back to the old one.
# checks:
#   app-health:
#     type: http
#     url: https://app.example.com/healthz

# How people are told.
# channels:
#   ops:
#     type: slack
#     token: \${env:SLACK_BOT_TOKEN}
#     channel: "#ops"
#   mail:
#     type: email
#     host: smtp.example.com
#     from: Keyturn <keyturn@example.com>
#     to: [ops@example.com]
`;
