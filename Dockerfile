# syntax=docker/dockerfile:1
# The service. Targets:
#   cpu   (the default)  docker build --build-arg PIP_EXTRA_INDEX_URL=… -t codecd:0.1.0 .
#   cuda                 docker build --target cuda -t codecd:0.1.0-cuda .
#   load                 the cpu image with locust and the load scripts, for docker-compose.yml
# torch comes from the index that pip is configured for. Where that one has only the larger CUDA builds, name
# an index of CPU builds in PIP_EXTRA_INDEX_URL for `cpu`; `cuda` refuses to be made of a CPU build.

FROM python:3.11.14-slim-bookworm AS build
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_PYTHON=/opt/codecd/bin/python
WORKDIR /build
# pip installs into the environment from outside, so that the image carries none.
RUN python -m venv --without-pip /opt/codecd
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
RUN pip install --no-deps --no-build-isolation . && /opt/codecd/bin/python -m codec.torchaudio_setup

FROM build AS build-load
RUN pip install --constraint constraints.txt locust psutil pytest

FROM python:3.11.14-slim-bookworm AS runtime
# jemalloc: the supervisor preloads it in the workers; glibc's allocator costs about half the speed at batch 8.
# tini: processes whose parent was killed become children of process 1, and the supervisor reaps only its own.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends 'libjemalloc2=5.3.0-1*' 'tini=0.19.0-1*' \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 codecd \
    && useradd --uid 10001 --gid codecd --no-create-home --home-dir /tmp --shell /usr/sbin/nologin codecd
COPY models /srv/models
# /tmp is the only place that is written to: sockets, the parts of large uploads, matplotlib's cache.
ENV PATH=/opt/codecd/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    CODECD_REPOSITORY=/srv/models MPLCONFIGDIR=/tmp/matplotlib
USER 10001:10001
WORKDIR /srv
EXPOSE 8000 8001 9100
STOPSIGNAL SIGTERM
# For the default command; Kubernetes has probes of its own.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
# The container's own address is not loopback. Map its ports to a loopback address, as docker-compose.yml does,
# or run it with an API key file instead of --insecure.
ENTRYPOINT ["tini", "--", "codecd"]
CMD ["serve", "--host", "0.0.0.0", "--insecure"]

FROM runtime AS load
COPY --from=build-load /opt/codecd /opt/codecd
COPY tests tests
HEALTHCHECK NONE
ENTRYPOINT ["tini", "--", "python", "-m", "tests.load.rest"]
CMD ["--help"]

FROM runtime AS cuda
COPY --from=build /opt/codecd /opt/codecd
# The libraries of CUDA come with torch; the driver comes from the host, by the NVIDIA container toolkit.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN ["python", "-c", "import sys, torch; sys.exit(None if torch.version.cuda else 'this torch has no CUDA: build without PIP_EXTRA_INDEX_URL')"]

FROM runtime AS cpu
COPY --from=build /opt/codecd /opt/codecd
