# syntax=docker/dockerfile:1
#
#   docker build --tag wagroups .
#
# The image holds the program and nothing else: no shell, no package manager, not root.

FROM rust:1.94-bookworm AS build
WORKDIR /src
ENV CARGO_NET_RETRY=5

# The dependencies by themselves, which is most of a build: this layer stays until Cargo.lock or Cargo.toml changes.
# Cargo wants the targets of the manifest to be there, so they are, empty.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches/service \
    && for file in build.rs src/lib.rs src/main.rs benches/service/main.rs; do echo 'fn main() {}' > $file; done \
    && cargo build --release --locked --bin wagroups

COPY build.rs ./
COPY proto proto
COPY src src
# Cargo goes by time, and what was copied is older than what stood in for it.
RUN touch build.rs src/lib.rs src/main.rs \
    && cargo build --release --locked --bin wagroups \
    && strip target/release/wagroups \
    && mkdir /data

# C's and C++'s libraries, certificates, time zones. Its user `nonroot` is 65532.
FROM gcr.io/distroless/cc-debian12:nonroot

ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="wagroups" \
      org.opencontainers.image.description="WhatsApp groups as a gRPC service, with a durable log of every change" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

COPY --from=build /src/target/release/wagroups /usr/local/bin/wagroups
# Where SQLite's file lies unless a setting says otherwise. A named volume that is new takes this owner over.
COPY --from=build --chown=65532:65532 /data /var/lib/wagroups
WORKDIR /var/lib/wagroups
USER 65532:65532

# gRPC, WAHA's paths, webhooks, probes and metrics. All listen on loopback until they are told otherwise, and gRPC
# and WAHA's paths then need API keys.
EXPOSE 50051 3000 8090 9090

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["/usr/local/bin/wagroups", "healthcheck"]

# SIGTERM ends it well, in up to 35 seconds: docker stop --time 40.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/wagroups"]
CMD ["serve"]
