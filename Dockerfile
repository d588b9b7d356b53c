FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No install scripts: the only one that matters fetches the `node` package's Node, and the image has Node 24 already.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY jobs ./jobs
# What only compilers and debuggers read is close to a third of the modules.
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && find node_modules dist -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
COPY bin ./bin
# A clone made with a strict umask would be unreadable to the image's user.
RUN mkdir /app && mv node_modules dist bin package.json /app && chmod -R a+rX /app

FROM node:24-bookworm-slim
ENV NODE_ENV=production KEYTURN_CONFIG=/etc/keyturn/keyturn.yaml KEYTURN_DATA_DIR=/var/lib/keyturn
WORKDIR /app
COPY --from=build /app ./
# The data directory is the only place that is written to: run with --read-only and a volume here.
RUN ln -s /app/bin/keyturn.js /usr/local/bin/keyturn \
 && mkdir -p /var/lib/keyturn && chown 1000:1000 /var/lib/keyturn && chmod 700 /var/lib/keyturn
USER 1000:1000
VOLUME /var/lib/keyturn
# Healthy: the worker answers on its control API, and the ledger behind it. The first start makes the ledger.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["keyturn", "status"]
ENTRYPOINT ["keyturn"]
CMD ["up"]
