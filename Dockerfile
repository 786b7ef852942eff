# A static binary and nothing else: no shell, no libc, no root.
#   docker build -t onelane . && docker run -e ONELANE_UPSTREAM=http://app:8081 -p 8080:8080 onelane
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# Cargo.toml names the benchmark; it is not built.
COPY benches benches
COPY config config
# A named target keeps +crt-static away from build scripts and procedural macros; its name is this machine's own.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
 && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" \
 && cp "target/$target/release/onelane" /onelane \
 && mkdir -p /skeleton/tmp && chmod 1777 /skeleton/tmp

FROM scratch
COPY --from=build /onelane /onelane
# A place for the temporary files of large uploads.
COPY --from=build /skeleton/ /
COPY config/container.yaml /etc/onelane/onelane.yaml
USER 65532:65532
EXPOSE 8080 9180
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD ["/onelane", "health"]
ENTRYPOINT ["/onelane"]
CMD ["run", "-c", "/etc/onelane/onelane.yaml"]
