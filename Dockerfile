FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends pkg-config libvectorscan-dev
WORKDIR /build
COPY . .
RUN cargo build --release --locked

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libvectorscan5 \
    && rm -rf /var/lib/apt/lists/* && useradd --system --home-dir /var/lib/daylight --create-home daylight
COPY --from=build /build/target/release/daylight /usr/bin/daylight
COPY rules /usr/share/daylight/rules
USER daylight
WORKDIR /var/lib/daylight
ENV DAYLIGHT_RULES="[ /usr/share/daylight/rules ]" \
    DAYLIGHT_LISTEN_PROXY="0.0.0.0:8080" \
    DAYLIGHT_LISTEN_ADMIN="0.0.0.0:8082"
VOLUME /var/lib/daylight
EXPOSE 8080
ENTRYPOINT ["/usr/bin/daylight"]
CMD ["run"]
