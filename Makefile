# The one way to set up, try, check and deploy, for people and for CI.

ENV ?= dev
CORPUS ?=
VOCAB ?=
CDK_OPTIONS ?=
PYTHON ?= python3
PREPARED := build/corpus

export PATH := $(CURDIR)/.venv/bin:$(PATH)
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

.PHONY: help setup demo test test-report test-faults test-serving test-pipeline prove-iam check scan audit conformance fuzz bench-data bench-lda preflight diff fetch pipeline smoke deploy destroy prepare constraints clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/ready ## Install everything below this folder, once

# Node trusts the system's authorities, as pip does: some networks have one of their own.
.venv/ready: requirements.txt requirements-dev.txt constraints.txt package.json package-lock.json
	@echo "Setting up .venv and node_modules; this takes about two minutes, once."
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	pip install --disable-pip-version-check --quiet -r requirements-dev.txt
	NODE_USE_SYSTEM_CA=1 npm ci --loglevel error --no-audit --no-fund
	ln -sf ../../node_modules/.bin/cdk .venv/bin/cdk
	touch $@

demo: .venv/ready ## Run the whole way on the embedded AWS [CORPUS=file VOCAB=file]
	@python -m local_aws.demo $(if $(CORPUS),--corpus $(CORPUS)) $(if $(VOCAB),--vocab $(VOCAB))

# Three processes suit two cores: those with the CDK CLI mostly wait.
test: .venv/ready ## Run all tests, end to end included
	pytest --numprocesses 3 --dist worksteal

test-report: .venv/ready ## Look at the pages in a headless browser, which is installed if need be
	.ci/browser
	pytest tests/browser -m browser

test-faults: .venv/ready ## Make a deployment fail in every way we know, and write docs/faults.md
	FAULTS_TABLE=1 pytest tests/faults -m "faults or e2e" -p no:randomly

test-pipeline: .venv/ready .venv-aws/ready ## Run the pipeline's steps against the embedded AWS
	PATH="$(CURDIR)/.venv/bin:$(CURDIR)/.venv-aws/bin:$$PATH" pytest tests/pipeline -m pipeline

test-serving: .venv/ready ## Try the endpoint's settings on the embedded AWS
	pytest tests/serving -m "serving or e2e" -p no:randomly

prove-iam: .venv/ready ## Take every permission away once, see what breaks, and write docs/permissions.md
	PERMISSIONS_TABLE=1 pytest tests/prove_iam -m "prove_iam or e2e" -p no:randomly

check: scan ## Format, lint, types, templates, secrets
	ruff format --check
	ruff check
	mypy .

# Digests and fingerprints look like secrets of high entropy, so only known forms are looked for.
scan: prepare .venv-audit/ready ## Lint every environment's templates, and look for secrets
	for env in $$(python -c 'import json; print(*json.load(open("cdk.json"))["context"]["environments"])'); do \
	cdk synth --quiet -c env=$$env -o build/scan/$$env; done
	.venv-audit/bin/cfn-lint build/scan/*/*.template.json
	git ls-files -z | xargs -0 .venv-audit/bin/detect-secrets-hook --disable-plugin Base64HighEntropyString \
	--disable-plugin HexHighEntropyString

# Each oracle lives in an environment of its own: they are large, old, or do not go together.
define make_venv
$(PYTHON) -m venv $(@D)
$(@D)/bin/pip install --disable-pip-version-check --quiet -r $<
touch $@
endef

.venv-%/ready: tests/conformance/requirements-%.txt
	$(make_venv)

.venv-lda/ready: benchmarks/requirements-lda.txt
	$(make_venv)

conformance: .venv/ready .venv-sagemaker/ready .venv-mxnet/ready ## Compare our formats with the SageMaker SDK's and MXNet's
	CONFORMANCE_SAGEMAKER_PYTHON=$(CURDIR)/.venv-sagemaker/bin/python \
	CONFORMANCE_MXNET_PYTHON=$(CURDIR)/.venv-mxnet/bin/python pytest tests/conformance

audit: .venv-audit/ready ## Ask PyPI for known vulnerabilities of what we install
	.venv-audit/bin/pip-audit --strict --disable-pip --no-deps -r <(sed '/^-/d' requirements.txt requirements-dev.txt constraints.txt)

fuzz: .venv/ready ## Feed damaged input to all readers [FUZZ_EXAMPLES=1000]
	pytest tests/fuzz/fuzz_*.py

bench-data: .venv/ready .venv-sagemaker/ready ## Measure data_prep beside the SageMaker SDK; takes half an hour
	CONFORMANCE_SAGEMAKER_PYTHON=$(CURDIR)/.venv-sagemaker/bin/python python -m benchmarks.data_prep

bench-lda: .venv/ready .venv-lda/ready ## Measure topics beside its peers; takes an hour
	BENCH_LDA_PYTHON=$(CURDIR)/.venv-lda/bin/python python -m benchmarks.lda

preflight: prepare ## Check what would stop a deployment [ENV=dev CORPUS=file VOCAB=file]
	python -m stacks.preflight --env $(ENV)

diff: prepare ## Show what a deployment would change, by templates alone [ENV=dev CORPUS=file VOCAB=file]
	cdk diff -c env=$(ENV) --method template $(CDK_OPTIONS)

fetch: ## Copy a corpus from S3 to build/source [SOURCE=s3://BUCKET/PREFIX]
	aws s3 cp --recursive --no-progress $(SOURCE) build/source

pipeline: prepare ## Synthesize the pipeline that cdk.json asks for [CORPUS=file VOCAB=file]
	cdk synth --quiet --app "python3 -m stacks.pipeline" $(CDK_OPTIONS)

smoke: .venv/ready ## Ask an endpoint about a few documents of the prepared corpus [ENDPOINT=name]
	python -m topics predict --endpoint $(ENDPOINT) --limit 5 $(PREPARED)/train.recordio

deploy: prepare ## Deploy to your AWS account [ENV=dev CORPUS=file VOCAB=file]
	cdk deploy --all -c env=$(ENV) $(CDK_OPTIONS)

destroy: .venv/ready ## Remove what deploy made [ENV=dev]
	cdk destroy --all -c env=$(ENV)
	python -m stacks.leftovers --env $(ENV)

prepare: .venv/ready ## Prepare the corpus to deploy: CORPUS and VOCAB, or what is there, or a sample
ifneq ($(CORPUS),)
	python -m data_prep convert --corpus $(CORPUS) $(if $(VOCAB),--vocab $(VOCAB)) --out $(PREPARED)
else
	@test -e $(PREPARED)/manifest.json || { set -x; \
	python -m data_prep sample --out build/sample; \
	python -m data_prep convert --corpus build/sample/corpus.txt --vocab build/sample/vocab.txt --out $(PREPARED); }
endif

constraints: .venv/ready ## Write constraints.txt from what is installed
	@{ head -n 1 constraints.txt; \
	   pip freeze | grep -viE "^($$(grep -hoE '^[A-Za-z0-9_.-]+' requirements*.txt | paste -sd'|'))==" \
	   | LC_ALL=C sort -f; } > constraints.txt.new
	mv constraints.txt.new constraints.txt

clean: ## Remove what was made, set-up included
	rm -rf .venv .venv-* build cdk.out node_modules
