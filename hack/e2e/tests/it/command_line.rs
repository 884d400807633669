//! The binaries' command line: the help, and the errors for wrong arguments.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    process::{Command, Output},
};

use anyhow::{Context as _, Result};
use e2e::{Cluster, Program};

fn run(command: &mut Command) -> Result<(Output, String, String)> {
    let output = command.output()?;
    let stdout = String::from_utf8(output.stdout.clone())?;
    let stderr = String::from_utf8(output.stderr.clone())?;
    Ok((output, stdout, stderr))
}

/// Returns the help of each flag, joined into one line.
fn sections(help: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in help.lines() {
        // The text of a flag is indented further, and may begin a line with the name of another flag.
        let long = line
            .strip_prefix("      --")
            .or_else(|| line.strip_prefix("  -")?.get(3..)?.strip_prefix("--"));
        let line = line.trim();
        match long {
            Some(long) => {
                let flag = long.split(' ').next().unwrap_or_default();
                sections.push((flag.to_owned(), line.to_owned()));
            }
            None => {
                if let Some((_, text)) = sections.last_mut() {
                    text.push(' ');
                    text.push_str(line);
                }
            }
        }
    }
    sections
}

#[test]
fn help_explains_every_flag_and_names_its_environment_variable() -> Result<()> {
    for program in Program::ALL {
        let (output, help, stderr) = run(program.command()?.arg("--help"))?;
        assert!(output.status.success() && stderr.is_empty(), "{stderr}");
        assert!(
            help.contains("X-TENANT-ID") || program == Program::Admin,
            "{help}"
        );
        assert!(help.contains("ServiceAccount"), "{help}");

        let mut flags = BTreeSet::new();
        for (flag, text) in sections(&help) {
            if flag != "help" && flag != "version" {
                let variable = format!("[env: BOOKSHELF_{}=]", flag.to_uppercase().replace('-', "_"));
                assert!(text.contains(&variable), "--{flag}: {text}");
                let (_, description) = text.split_once("> ").context("a value")?;
                assert!(!description.starts_with('['), "--{flag} is explained: {text}");
            }
            flags.insert(flag);
        }
        let expected = [
            "listen",
            "ops-listen",
            "auth-mode",
            "auth-audience",
            "trusted-proxy",
            "tls-cert-file",
            "tls-private-key-file",
            "max-body",
            "ui",
            "workers",
            "shutdown-delay",
            "shutdown-timeout",
            "kubeconfig",
            "context",
            "kube-qps",
            "kube-burst",
            "kube-timeout",
            "watch-namespaces",
            "events",
            "cache-descriptions",
            "search",
            "resync-period",
            "check-period",
            "watch-timeout",
            "max-staleness",
            "log",
            "log-format",
            "otlp-endpoint",
            "help",
            "version",
        ];
        for flag in expected {
            assert!(flags.contains(flag), "--{flag} is in {flags:?}");
        }
    }
    Ok(())
}

#[test]
fn the_version_is_the_workspaces() -> Result<()> {
    for program in Program::ALL {
        let (output, version, _) = run(program.command()?.arg("--version"))?;
        assert!(output.status.success());
        assert_eq!(
            version,
            format!("{} {}\n", program.name(), env!("CARGO_PKG_VERSION"))
        );
    }
    Ok(())
}

#[test]
fn an_invalid_flag_is_named() -> Result<()> {
    for program in Program::ALL {
        for (flag, words) in [
            ("--no-such-flag", "--no-such-flag"),
            ("--listen=nowhere", "--listen"),
            ("--listen=127.0.0.1", "--listen"),
            ("--tls-cert-file=a", "--tls-private-key-file"),
            ("--tls-private-key-file=a", "--tls-cert-file"),
            ("--max-body=-1", "--max-body"),
            ("--workers=513", "--workers"),
            ("--kube-qps=many", "--kube-qps"),
            ("--kube-burst=0", "--kube-burst"),
            ("--kube-timeout=0", "--kube-timeout"),
            ("--kube-timeout=-1", "--kube-timeout"),
            ("--watch-namespaces=a,B", "--watch-namespaces"),
            ("--watch-namespaces=", "--watch-namespaces"),
            ("--watch-namespaces= , ", "--watch-namespaces"),
            ("--auth-mode=trust", "--auth-mode"),
            ("--auth-audience=,", "--auth-audience"),
            ("--trusted-proxy=gateway", "--trusted-proxy"),
            ("--trusted-proxy=10.0.0.1/8", "10.0.0.0/8"),
            ("--kubeconfig=", "--kubeconfig"),
            ("--events=maybe", "--events"),
            ("--cache-descriptions=maybe", "--cache-descriptions"),
            ("--log-format=xml", "--log-format"),
            ("--otlp-endpoint=collector:4318", "--otlp-endpoint"),
            ("--otlp-endpoint=ftp://collector", "--otlp-endpoint"),
            ("extra", "extra"),
        ] {
            let (output, stdout, stderr) = run(program.command()?.arg(flag))?;
            assert_eq!(output.status.code(), Some(2), "{flag}: {stderr}");
            assert!(stderr.contains(words), "{flag}: {stderr}");
            assert_eq!(stdout, "");
        }
    }
    Ok(())
}

#[test]
fn an_invalid_environment_variable_is_refused_like_its_flag() -> Result<()> {
    for program in Program::ALL {
        let (output, _, stderr) = run(program.command()?.env("BOOKSHELF_KUBE_QPS", "many"))?;
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("--kube-qps"), "{stderr}");
    }
    Ok(())
}

#[test]
fn a_missing_prerequisite_is_named() -> Result<()> {
    let kubeconfig = Cluster::shared()?
        .kubeconfig()
        .to_str()
        .context("a path")?
        .to_owned();
    let holder = TcpListener::bind("127.0.0.1:0")?;
    let taken = holder.local_addr()?.to_string();
    let directory = tempfile::tempdir()?;
    let no_kubeconfig = directory.path().join("nothing");
    std::fs::write(&no_kubeconfig, "no: kubeconfig")?;
    let no_kubeconfig = no_kubeconfig.to_str().context("a path")?;
    for program in Program::ALL {
        for (arguments, words) in [
            (
                vec!["--kubeconfig=/no/such/file"],
                vec!["/no/such/file", "No such file"],
            ),
            (vec!["--kubeconfig", no_kubeconfig], vec![no_kubeconfig]),
            (
                vec!["--kubeconfig", &kubeconfig, "--context=elsewhere"],
                vec!["elsewhere"],
            ),
            (
                vec![
                    "--kubeconfig",
                    &kubeconfig,
                    "--listen",
                    &taken,
                    "--ops-listen=127.0.0.1:0",
                ],
                vec![&taken, "--listen"],
            ),
            (
                vec![
                    "--kubeconfig",
                    &kubeconfig,
                    "--listen=127.0.0.1:0",
                    "--ops-listen",
                    &taken,
                ],
                vec![&taken, "--ops-listen"],
            ),
            (
                vec!["--kubeconfig", &kubeconfig, "--log=a=b=c"],
                vec!["--log", "a=b=c"],
            ),
            (
                vec!["--auth-mode=header", "--listen=0.0.0.0:0"],
                vec!["--auth-mode=header", "0.0.0.0:0", "--trusted-proxy"],
            ),
            (
                vec!["--trusted-proxy=10.0.0.0/8"],
                vec!["--trusted-proxy", "--auth-mode=header"],
            ),
            (
                vec!["--auth-mode=header", "--auth-audience=library"],
                vec!["--auth-audience", "--auth-mode=token"],
            ),
            (
                vec!["--watch-timeout=10", "--max-staleness=19"],
                vec!["--max-staleness=19", "--watch-timeout=10", "20"],
            ),
        ] {
            let (output, _, stderr) = run(program.command()?.args(&arguments))?;
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
            for word in words {
                assert!(stderr.contains(word), "{arguments:?}: {stderr}");
            }
            assert!(!stderr.contains("panicked"), "{stderr}");
        }
    }
    Ok(())
}

#[test]
fn without_a_cluster_the_error_names_the_places_searched() -> Result<()> {
    let home = tempfile::tempdir()?;
    for program in Program::ALL {
        let mut command = program.command()?;
        let arguments = ["--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"];
        command
            .env("HOME", home.path())
            .env_remove("KUBERNETES_SERVICE_HOST")
            .args(arguments);
        let (output, _, stderr) = run(&mut command)?;
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        for word in ["KUBECONFIG", "--kubeconfig", "ServiceAccount"] {
            assert!(stderr.contains(word), "{stderr}");
        }
    }
    Ok(())
}
