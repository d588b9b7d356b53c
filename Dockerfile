# syntax=docker/dockerfile:1
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The image has Node 24 already: the `node` package is for machines that do not.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY jobs ./jobs
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production KEYTURN_CONFIG=/etc/keyturn/keyturn.yaml
WORKDIR /app
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json ./
COPY bin ./bin
COPY config ./config
# The data directory is the only place that is written to: run with --read-only and a volume here.
RUN ln -s /app/bin/keyturn.js /usr/local/bin/keyturn \
 && mkdir -p /var/lib/keyturn && chown 1000:1000 /var/lib/keyturn && chmod 700 /var/lib/keyturn
USER 1000:1000
VOLUME /var/lib/keyturn
ENV KEYTURN_DATA_DIR=/var/lib/keyturn
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "/app/bin/keyturn.js", "status", "--quiet"]
ENTRYPOINT ["node", "/app/bin/keyturn.js"]
CMD ["up"]
