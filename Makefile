# The one way to set up, try, check and deploy, for people and for CI.

# Only `make TARGET ENV=...` chooses an account for the notebook: a variable of the shell may be
# there for another reason.
ON_ACCOUNT := $(filter command,$(origin ENV))
ENV ?= dev
PYTHON ?= python3
PREPARED := build/prepared

# A caller's values are plain text: Make expands nothing in them, and recipes read them as variables
# of the environment.
GIVEN := ENV CORPUS VOCAB CDK_OPTIONS SOURCE ENDPOINT PYTHON LOCAL YES OPTIONS
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)

export PATH := $(CURDIR)/.venv/bin:$(PATH)
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

.PHONY: help setup setup-deploy demo notebook test test-report test-faults test-serving test-pipeline test-spark test-acceptance test-notebook prove-iam clients acceptance check scan audit conformance fuzz bench-data bench-explorer bench-lda bench-spark preflight diff fetch pipeline smoke deploy destroy prepare lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: .venv/ready-dev ## Install everything, inside this folder

setup-deploy: .venv/ready ## Install only what preparing and deploying need

PIP_INSTALL := pip install --disable-pip-version-check --quiet --require-hashes

# Only wheels: to build a package would run its code, with tools that no lock names.
# Node trusts the system's certificate authorities, as pip does: some networks have their own.
.venv/ready: locks/deploy.txt package.json package-lock.json
	@echo "Setting up .venv and node_modules; this takes about two minutes, once."
	"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	"$$PYTHON" -m venv .venv
	$(PIP_INSTALL) --only-binary :all: -r $<
	NODE_USE_SYSTEM_CA=1 npm ci --loglevel error --no-audit --no-fund
	ln -sf ../../node_modules/.bin/cdk .venv/bin/cdk
	touch $@

.venv/ready-dev: locks/dev.txt .venv/ready
	$(PIP_INSTALL) -r $<
	touch $@

demo: .venv/ready-dev ## Show the whole project on the embedded AWS [CORPUS=file VOCAB=file]
	@python demo.py $${CORPUS:+--corpus "$$CORPUS"} $${VOCAB:+--vocab "$$VOCAB"}

# One environment has the project and what the notebook needs. The CDK CLI is in the other one.
IN_NOTEBOOK := PATH="$(CURDIR)/.venv-notebook/bin:$$PATH"

notebook: .venv/ready .venv-notebook/ready ## Execute the notebook on the embedded AWS, or with ENV=dev on your account [CORPUS=file VOCAB=file]
	@$(IN_NOTEBOOK) $(if $(ON_ACCOUNT),python -m notebooks --env "$$ENV",python demo.py --notebook) \
	$${CORPUS:+--corpus "$$CORPUS"} $${VOCAB:+--vocab "$$VOCAB"}

# Four processes on two cores, since tests with the CDK CLI mostly wait.
test: .venv/ready-dev ## Run all tests, end to end included
	pytest --numprocesses 4 --dist worksteal

test-report: .venv/ready-dev ## Test the HTML pages in a headless browser; install one if there is none
	.ci/browser
	pytest tests/browser -m browser

test-faults: .venv/ready-dev ## Test every known way to fail, and write docs/faults.md
	FAULTS_TABLE=1 pytest tests/faults -m "faults or e2e" -p no:randomly

test-pipeline: .venv/ready-dev .venv-aws/ready ## Test the pipeline's steps on the embedded AWS
	PATH="$(CURDIR)/.venv/bin:$(CURDIR)/.venv-aws/bin:$$PATH" pytest tests/pipeline -m pipeline

test-serving: .venv/ready-dev ## Test the endpoint's settings on the embedded AWS
	pytest tests/serving -m "serving or e2e" -p no:randomly

test-spark: .venv/ready-dev .venv-spark/ready ## Test that Spark prepares corpora as convert does
	pytest tests/spark -m spark -p no:randomly

test-acceptance: .venv/ready-dev ## Test that an interrupted acceptance leaves nothing on the embedded AWS
	pytest tests/acceptance -m "acceptance or e2e" -p no:randomly

clients: .venv/ready-dev .venv-sagemaker/ready .venv-sagemaker3/ready .venv-alpha/ready .venv-aws/ready ## Test that the SDKs, the AWS CLI and foreign CDK apps meet AWS here
	PATH="$(CURDIR)/.venv/bin:$(CURDIR)/.venv-aws/bin:$$PATH" pytest tests/clients -m clients

test-notebook: .venv/ready .venv-notebook/ready ## Test the notebook, and the project with the notebook's packages
	.ci/browser
	$(IN_NOTEBOOK) pytest tests/notebook -m notebook
	$(IN_NOTEBOOK) python demo.py
	$(IN_NOTEBOOK) pytest tests/unit --numprocesses 3 --dist worksteal

prove-iam: .venv/ready-dev ## Test what breaks without each permission, and write docs/permissions.md
	PERMISSIONS_TABLE=1 pytest tests/prove_iam -m "prove_iam or e2e" -p no:randomly

check: .venv/ready-dev scan ## Check format, lint, types, scripts, templates, workflows and secrets
	ruff format --check
	ruff check
	mypy .
	node_modules/.bin/biome check --error-on-warnings

# Digests and fingerprints look like secrets of high entropy, so only known forms of secrets count.
scan: prepare .venv-audit/ready ## Lint the templates and workflows, and look for secrets
	for env in $$(python -c 'import json; print(*json.load(open("cdk.json"))["context"]["environments"])'); do \
	cdk synth --quiet -c env=$$env -o build/scan/$$env; done
	.venv-audit/bin/cfn-lint build/scan/*/*.template.json
	.venv-audit/bin/zizmor --quiet --offline --persona auditor .github
	git ls-files -z | xargs -0 .venv-audit/bin/detect-secrets-hook --disable-plugin Base64HighEntropyString \
	--disable-plugin HexHighEntropyString

# Each of these tools has its own environment: they are large, old, or conflict with each other.
# NumPy 1.23, which MXNet needs, has wheels up to Python 3.11.
.venv-notebook/ready .venv-mxnet/ready: override PYTHON := python3.11
.venv-%/ready: locks/%.txt
	"$$PYTHON" -m venv $(@D)
	$(@D)/bin/$(PIP_INSTALL) -r $<
	touch $@

conformance: .venv/ready-dev .venv-sagemaker/ready .venv-mxnet/ready .venv-pyldavis/ready ## Compare with the SageMaker SDK, MXNet and pyLDAvis
	CONFORMANCE_SAGEMAKER_PYTHON="$(CURDIR)/.venv-sagemaker/bin/python" \
	CONFORMANCE_MXNET_PYTHON="$(CURDIR)/.venv-mxnet/bin/python" \
	CONFORMANCE_PYLDAVIS_PYTHON="$(CURDIR)/.venv-pyldavis/bin/python" pytest tests/conformance

# Advisories of the notebook's SageMaker SDK, which has no newer version for MXNet's NumPy. They are about
# what the notebook does not use: remote functions, ModelBuilder, Triton, the search of JumpStart.
ACCEPTED := CVE-2026-1777 CVE-2026-1778 CVE-2026-8596 CVE-2026-8597 GHSA-5r2p-pjr8-7fh7
PIP_AUDIT := .venv-audit/bin/pip-audit --strict --disable-pip --require-hashes

audit: .venv-audit/ready ## Ask PyPI for known vulnerabilities of the locked packages
	for lock in $(filter-out locks/notebook.txt,$(wildcard locks/*.txt)); do $(PIP_AUDIT) -r $$lock; done
	$(PIP_AUDIT) $(addprefix --ignore-vuln ,$(ACCEPTED)) -r locks/notebook.txt

fuzz: .venv/ready-dev ## Test all readers with damaged input [FUZZ_EXAMPLES=1000]
	pytest tests/fuzz/fuzz_*.py

bench-data: .venv/ready-dev .venv-sagemaker/ready ## Compare the speed of data_prep with the SageMaker SDK; takes half an hour
	CONFORMANCE_SAGEMAKER_PYTHON="$(CURDIR)/.venv-sagemaker/bin/python" python -m benchmarks.data_prep

bench-lda: .venv/ready-dev .venv-lda/ready ## Compare topics with other libraries; takes an hour
	BENCH_LDA_PYTHON="$(CURDIR)/.venv-lda/bin/python" python -m benchmarks.lda

bench-explorer: .venv/ready-dev .venv-pyldavis/ready ## Compare the page of a model with pyLDAvis; takes a quarter of an hour
	CONFORMANCE_PYLDAVIS_PYTHON="$(CURDIR)/.venv-pyldavis/bin/python" python -m benchmarks.explorer

bench-spark: .venv/ready-dev .venv-spark/ready ## Compare Spark with one machine; takes half an hour
	python -m benchmarks.spark

# With exec a signal for the shell reaches the program, which then destroys what it has made.
acceptance: .venv/ready-dev ## Try everything on your account, and report [ENV=dev LOCAL=1 YES=1 OPTIONS=--canary]
	@set -f; exec python -m acceptance --env "$$ENV" $${LOCAL:+--local} $${YES:+--yes} $$OPTIONS

preflight: prepare ## Check what would stop a deployment [ENV=dev CORPUS=file VOCAB=file]
	python -m operations preflight --env "$$ENV"

diff: prepare ## Compare the templates with what is deployed [ENV=dev CORPUS=file VOCAB=file]
	set -f; cdk diff -c "env=$$ENV" --method template $$CDK_OPTIONS

fetch: ## Copy a corpus from S3 to build/source [SOURCE=s3://BUCKET/PREFIX]
	aws s3 cp --recursive --no-progress "$$SOURCE" build/source

pipeline: prepare ## Synthesize the pipeline of cdk.json [CORPUS=file VOCAB=file]
	set -f; cdk synth --quiet --app "python3 -m toolchain.pipeline" $$CDK_OPTIONS

# Where the documents have stayed in S3 there are words alone. What topics have most of (--top) would be read from
# the model, which whoever may only ask the endpoint may not read.
smoke: .venv/ready ## Ask an endpoint for a few documents of the prepared corpus [ENDPOINT=name]
ifneq ($(wildcard $(PREPARED)/train*),)
	python -m topics predict --endpoint "$$ENDPOINT" --limit 5 $(wildcard $(PREPARED)/train*)
else
	python -m topics predict --endpoint "$$ENDPOINT" --top 0 --vocab $(PREPARED)/vocab.txt \
	--text="$$(head -n 5 $(PREPARED)/vocab.txt)"
endif

deploy: prepare ## Deploy to your AWS account [ENV=dev CORPUS=file VOCAB=file]
	set -f; python -m operations follow --env "$$ENV" -- cdk deploy --all -c "env=$$ENV" $$CDK_OPTIONS

destroy: .venv/ready ## Delete an environment, and list what is left [ENV=dev]
	cdk destroy --all -c "env=$$ENV"
	python -m operations leftovers --env "$$ENV"

prepare: .venv/ready ## Prepare a corpus to deploy: CORPUS and VOCAB, the one prepared before, or a sample
ifneq ($(filter s3://%,$(CORPUS)),)
	python -m data_prep fetch "$$CORPUS" --out $(PREPARED)
else ifneq ($(CORPUS),)
	python -m data_prep convert --corpus "$$CORPUS" $${VOCAB:+--vocab "$$VOCAB"} --out $(PREPARED)
else
	@test -e $(PREPARED)/manifest.json || { set -x; \
	python -m data_prep sample --out build/sample; \
	python -m data_prep convert --corpus build/sample/corpus.txt --vocab build/sample/vocab.txt --out $(PREPARED); }
endif

# One lock serves every platform and Python: it has the digests of all files of each version. Versions
# change only if the requirements ask for it; to get all new versions, first `rm locks/dev.txt`.
LOCK := .venv-uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" --output-file

lock: .venv-uv/ready ## Update locks/ from the requirements files
	$(LOCK) locks/dev.txt requirements-dev.txt
	$(LOCK) locks/deploy.txt --constraints locks/dev.txt requirements.txt
	for tool in alpha audit aws mxnet pyldavis sagemaker sagemaker3 spark uv; do \
	$(LOCK) locks/$$tool.txt tests/conformance/requirements-$$tool.txt; done
	$(LOCK) locks/lda.txt benchmarks/requirements-lda.txt
	$(LOCK) locks/notebook.txt requirements-notebook.txt

clean: ## Delete everything that make has made, also what setup installed
	rm -rf .venv .venv-* build cdk.out node_modules
