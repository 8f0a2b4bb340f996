# The service without build tools: the wheel is made in the first stage, installed and run by an unprivileged user in the second.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY requirements/runtime.txt requirements/runtime.txt
RUN python -m venv /opt/fhir-service \
    && /opt/fhir-service/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE NOTICE CHANGELOG.md ./
COPY fhir_service fhir_service
COPY mappings mappings
RUN /opt/fhir-service/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11.13-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/fhir-service fhir \
    && install --directory --owner=10001 --group=10001 /var/lib/fhir-service/exports
COPY --from=build /opt/fhir-service /opt/fhir-service
COPY seeds /usr/share/fhir-service/seeds
ENV PATH=/opt/fhir-service/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/fhir-service
EXPOSE 8000
ENTRYPOINT ["fhir-service"]
CMD ["serve"]
