# Short names for what README says; each recipe is one command, and `just` itself is not needed for any of them.

[private]
default:
    @just --list --unsorted

# Run the control plane and both APIs here, until Ctrl-C: `just up --fresh`
up *arguments:
    cargo xtask up {{ arguments }}

# Check and test everything; arguments are cargo test's: `just test -p e2e`
test *arguments:
    cargo xtask test -- {{ arguments }}

# Run the named tests and nothing else: `just only borrowing:: conflicts::`
only *names:
    cargo xtask test --only {{ names }}

# Measure both APIs, each figure beside its limit: `just bench --books 1000,100000`
bench *arguments:
    cargo xtask bench {{ arguments }}

# Write the files that are made from code
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
