//! The flags of admin-api.

use bookshelf_http::ApiArgs;
use bookshelf_http::args::RetentionArgs;
use clap::Parser;

/// The HTTP API of bookshelf for librarians
///
/// Adds, changes and deletes the books of a library whose only database is the Kubernetes API: books are custom
/// resources (kubectl get books). Reads come from a cache in memory that a watch keeps up to date. Needs a
/// ServiceAccount that may get, list, watch, create, update, patch and delete books and loanjournals; get, list, watch
/// and delete bookloans; create and patch events.events.k8s.io; and create tokenreviews.authentication.k8s.io and
/// subjectaccessreviews.authorization.k8s.io.
#[derive(Clone, Debug, Parser)]
#[command(name = "admin-api", version)]
pub struct Args {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(flatten)]
    pub(crate) retention: RetentionArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_consistent() {
        super::Args::command().debug_assert();
    }
}
