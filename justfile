# Short names for commands in the README. Each recipe is a single command, which also works without `just`.

[private]
default:
    @just --list --unsorted

# Run the control plane and both APIs here, until Ctrl-C: `just up --fresh`
up *arguments:
    cargo xtask up {{ arguments }}

# Check and test everything; passes arguments to cargo test: `just test -p e2e`
test *arguments:
    cargo xtask test -- {{ arguments }}

# Run only the named tests: `just only borrowing:: conflicts::`
only *names:
    cargo xtask test --only {{ names }}

# Measure both APIs, each figure with its limit: `just bench --books 1000,100000`
bench *arguments:
    cargo xtask bench {{ arguments }}

# Write the files that are generated from code
generate:
    cargo xtask generate

# Apply the CRDs to the cluster of the current kubeconfig
crds:
    cargo run --quiet --package bookshelf-crd --bin crdgen | kubectl apply -f -

# Build the container images of both APIs
images:
    cargo xtask images

# Format the code
fmt:
    cargo fmt --all
