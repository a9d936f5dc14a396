# The libraries, each checked against its hash. All of them have wheels for x86_64 and aarch64; where one
# has none, this stops rather than looks for a compiler that is not there.
FROM python:3.12-slim AS libraries
COPY requirements.txt .
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements.txt

FROM python:3.12-slim
# OCR for scanned documents: 40 MB to download, 126 MB on disk. Add the languages of yours, or remove these
# lines and set OCR=off.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tesseract-ocr tesseract-ocr-ara tesseract-ocr-chi-sim \
        tesseract-ocr-deu tesseract-ocr-eng tesseract-ocr-fra tesseract-ocr-rus tesseract-ocr-spa \
        tesseract-ocr-tur tesseract-ocr-ukr \
    && rm -rf /var/lib/apt/lists/*
# A fixed number, so that volumes and bind mounts can be given to it.
RUN groupadd --gid 10001 verbatim \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin verbatim \
    && install --directory --owner 10001 --group 10001 /documents /index /collections
WORKDIR /app
COPY --from=libraries /venv /venv
COPY config config
COPY retrieval retrieval
COPY bot bot
# Compiled now: the bot cannot write here, and would compile them at every start.
RUN ["/venv/bin/python", "-m", "compileall", "-q", "."]
# A new named volume begins with these; a folder of the host takes their place.
COPY --chown=10001:10001 seeds /documents

ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SEEDS_DIR=/documents \
    INDEX_DIR=/index \
    COLLECTIONS_DIR=/collections \
    HTTP_HOST=0.0.0.0 \
    PORT=8080
VOLUME ["/documents", "/index", "/collections"]
EXPOSE 8080
USER 10001:10001
STOPSIGNAL SIGTERM
# An index of many documents is made once, and takes its time.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; ask = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); ask.request('GET', '/healthz'); sys.exit(ask.getresponse().status != 200)"]
CMD ["python", "-m", "bot"]
