# syntax=docker/dockerfile:1
# The service on a CPU. torch comes from the index that pip is configured for; where that one has only the
# larger CUDA builds, name an index of CPU builds: --build-arg PIP_EXTRA_INDEX_URL=...

FROM python:3.11.14-slim-bookworm AS build
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/codecd
ENV PATH=/opt/codecd/bin:$PATH
# The libraries are a layer of their own: a change of the sources does not install torch again.
COPY constraints.txt pyproject.toml README.md LICENSE ./
RUN pip install --constraint constraints.txt setuptools torch \
    && pip install --constraint constraints.txt --no-deps torchaudio \
    && python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > requirements.txt \
    && pip install --constraint constraints.txt --requirement requirements.txt
COPY codec codec
COPY service service
COPY training training
COPY proto proto
RUN pip install --no-deps --no-build-isolation . && python -m codec.torchaudio_setup

FROM python:3.11.14-slim-bookworm
# The worker preloads it: glibc's allocator costs about half the speed at batch 8.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libjemalloc2=5.3.0-1 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 codecd && useradd --uid 10001 --gid codecd --no-create-home --shell /usr/sbin/nologin codecd
COPY --from=build /opt/codecd /opt/codecd
COPY models /srv/models
ENV PATH=/opt/codecd/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CODECD_REPOSITORY=/srv/models
USER 10001:10001
WORKDIR /srv
EXPOSE 8000 8001 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
# The container's own address is not loopback. Map its ports to a loopback address, as docker-compose.yml does,
# or run it with an API key file instead of --insecure.
ENTRYPOINT ["codecd"]
CMD ["serve", "--host", "0.0.0.0", "--insecure", "--repository", "/srv/models"]
