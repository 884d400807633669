//! Finds the configuration of a connector, as kubectl does.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::{ConnectError, Options};

/// The environment variable that names kubeconfig files.
const KUBECONFIG: &str = "KUBECONFIG";

/// Finds the configuration: the kubeconfig of the options, those of `KUBECONFIG`, `~/.kube/config`, the Pod's
/// `ServiceAccount`, in this order.
pub(super) async fn infer(options: &Options) -> Result<Config, ConnectError> {
    let selection = KubeConfigOptions {
        context: options.context.clone(),
        ..Default::default()
    };
    let variable = env::var_os(KUBECONFIG).filter(|paths| !paths.is_empty());
    let (path, kubeconfig) = match (&options.kubeconfig, &variable) {
        (Some(path), _) => (path.clone(), Kubeconfig::read_from(path).map(Some)),
        (None, Some(paths)) => (paths.into(), merged(paths)),
        (None, None) => (PathBuf::from("~/.kube/config"), Ok(None)),
    };
    let unusable = |source| ConnectError::Kubeconfig { path, source };
    match kubeconfig {
        Ok(Some(kubeconfig)) => Config::from_custom_kubeconfig(kubeconfig, &selection)
            .await
            .map_err(unusable),
        // Only a kubeconfig has contexts.
        Ok(None) if options.context.is_some() => Config::from_kubeconfig(&selection).await.map_err(unusable),
        Ok(None) => Config::infer().await.map_err(|error| match variable {
            Some(paths) => ConnectError::NoKubeconfig(paths.to_string_lossy().into_owned()),
            None => ConnectError::Infer(Box::new(error)),
        }),
        Err(error) => Err(unusable(error)),
    }
}

/// Merges the kubeconfigs of a list of paths. Like kubectl, it
/// [skips files that do not exist](https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files).
/// Returns `None` if no file exists.
fn merged(paths: &OsStr) -> Result<Option<Kubeconfig>, KubeconfigError> {
    env::split_paths(paths)
        .filter(|path| !path.as_os_str().is_empty() && !matches!(path.try_exists(), Ok(false)))
        .try_fold(None, |merged: Option<Kubeconfig>, path| {
            let mut next = Kubeconfig::read_from(path)?;
            // `kubectl config unset current-context` leaves an empty context, which counts as absent.
            next.current_context = next.current_context.filter(|context| !context.is_empty());
            Ok(Some(match merged {
                Some(merged) => merged.merge(next)?,
                None => next,
            }))
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_that_do_not_exist_are_skipped_and_the_first_of_the_others_counts() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["absent", "unset", "first", "second"].map(|name| dir.path().join(name));
        for (path, context) in [(&paths[1], "\"\""), (&paths[2], "one"), (&paths[3], "two")] {
            fs::write(
                path,
                format!("apiVersion: v1\nkind: Config\ncurrent-context: {context}\n"),
            )
            .unwrap();
        }
        let current = |paths: &[PathBuf]| {
            let merged = merged(&env::join_paths(paths).unwrap()).unwrap();
            merged.map(|kubeconfig| kubeconfig.current_context.unwrap())
        };
        assert_eq!(current(&paths).as_deref(), Some("one"));
        assert_eq!(
            current(&[paths[3].clone(), PathBuf::new()]).as_deref(),
            Some("two")
        );
        assert_eq!(current(&paths[..1]), None);
    }
}
