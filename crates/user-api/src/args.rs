//! The flags of user-api.

use bookshelf_http::ApiArgs;
use clap::Parser;

/// The HTTP API of bookshelf for tenants
///
/// Finds, lends and takes back the books of a library whose only database is the Kubernetes API: books are custom
/// resources (kubectl get books). Reads come from a cache in memory that a watch keeps up to date. Needs a
/// ServiceAccount that may get, list and watch books; get, list, watch, create and delete bookloans; get, list, watch,
/// create and patch loanjournals; create and patch events.events.k8s.io; and create tokenreviews.authentication.k8s.io
/// and subjectaccessreviews.authorization.k8s.io.
#[derive(Clone, Debug, Parser)]
#[command(name = "user-api", version)]
pub struct Args {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_consistent() {
        super::Args::command().debug_assert();
    }
}
