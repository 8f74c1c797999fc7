FROM python:3.13-slim AS build
WORKDIR /opt/baton
COPY requirements.txt pyproject.toml README.md LICENSE ./
RUN python -m venv .venv && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY wsgi.py ./
COPY app app
COPY adapters adapters
COPY mappings mappings
COPY jobs jobs
RUN .venv/bin/pip install --no-cache-dir --no-build-isolation --no-deps --editable .

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/baton baton
COPY --from=build /opt/baton /opt/baton
WORKDIR /opt/baton
USER baton
ENV PATH=/opt/baton/.venv/bin:$PATH BATON_HOME=/var/lib/baton BATON_HOST=0.0.0.0 PYTHONUNBUFFERED=1
EXPOSE 8000
VOLUME /var/lib/baton
CMD ["baton", "run", "--no-demo"]
