FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends pkg-config libvectorscan-dev
WORKDIR /build
COPY . .
RUN deploy/scripts/build.sh

FROM debian:12.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libvectorscan5 \
    && rm -rf /var/lib/apt/lists/* && useradd --system --home-dir /var/lib/daylight --create-home daylight
COPY --from=build /build/target/release/daylight /usr/bin/daylight
COPY rules /usr/share/daylight/rules
USER daylight
WORKDIR /var/lib/daylight
# The admin port stays on loopback: clients of the proxy could reach it otherwise.
ENV DAYLIGHT_DATA=/var/lib/daylight/data \
    DAYLIGHT_CA_DIR=/var/lib/daylight/certs \
    DAYLIGHT_RULES="[ /usr/share/daylight/rules ]" \
    DAYLIGHT_LISTEN_PROXY=0.0.0.0:8080
VOLUME /var/lib/daylight
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=2s --start-period=30s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8082 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '^ready' <&3"]
ENTRYPOINT ["/usr/bin/daylight"]
CMD ["run"]
