# One image with all the programs; the command selects one:
#
#   docker build -t onsale .
#   docker run --rm onsale node --help
#
# There is no HEALTHCHECK, because the image does not know which program runs. Each of
# node, allocator and ledger can probe the one that runs with the same settings, without a
# shell: `node --probe` asks /readyz on the admin port. docker-compose.yml uses it.
# A node that is not ready waits for Redis: route no buyers to it, and don't restart it.

FROM golang:1.26 AS build
WORKDIR /src
# Modules change less often than code, so they are a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# No C library below, hence no cgo; no paths of the builder in what it builds.
# The commit, for --version: --build-arg COMMIT=$(git rev-parse HEAD)
ARG COMMIT
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X onsale/internal/app.commit=$COMMIT" -o /out/bin/ ./cmd/...
RUN mkdir /out/upstream

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/bin/ /usr/local/bin/
# Where an allocator renders upstream.conf. A new volume mounted here takes
# this folder's owner, without which only root could write to it.
COPY --from=build --chown=65532:65532 /out/upstream /var/lib/onsale
USER 65532:65532
CMD ["onsale", "--help"]
