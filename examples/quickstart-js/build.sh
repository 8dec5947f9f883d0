#!/bin/sh
# Builds build/quickstart-js.wasm. Run it from anywhere; FAPO_WIT names the
# folder of the WIT files, relative to this one.
set -eu
cd "$(dirname "$0")"
wit=${FAPO_WIT:-../../wit}

for tool in node npm; do
    command -v "$tool" >/dev/null || { echo "build.sh: $tool is missing: install Node.js 18 or later" >&2; exit 3; }
done

# The tool that makes components, as package-lock.json pins it. Not `npm ci`: it
# insists on the optional packages of every platform, and not all are published.
if ! cmp -s package-lock.json node_modules/.installed; then
    npm install --no-save --no-audit --no-fund --loglevel=error >&2
    cp package-lock.json node_modules/.installed
fi

# A guest has no files, so its prompts become a module of texts.
mkdir -p build
for name in find answer; do
    node -e '
        const [name] = process.argv.slice(1);
        const text = require("fs").readFileSync(`prompts/${name}.md`, "utf8");
        console.log(`export const ${name} = ${JSON.stringify(text)};`);
    ' "$name"
done >build/prompts.js

# `--sync`: plain calls, as the WIT has them. `--stub-wasi`: imports nothing but
# the WIT of fapo-host. `--opt-size`: the small build of QuickJS.
node_modules/.bin/componentize-qjs --sync --stub-wasi --opt-size \
    --wit "$wit" --world tenant --js chain.js --output build/quickstart-js.wasm >&2
echo "build/quickstart-js.wasm"
