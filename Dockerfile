# One image with all the programs; the command selects one:
#
#   docker build -t onsale .
#   docker run --rm onsale node --help
#
# There is no HEALTHCHECK: the image has no shell to run one, and only the one
# who runs the container knows what should follow from it. Probe the admin port:
# /livez to restart (9081 for nodes, 9080 for allocators), /readyz to route. It listens
# on the container's own loopback unless ONSALE_ADMIN is set (0.0.0.0:9081).
# A node that is not ready waits for Redis; restarting it would not help.

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
