//! The rendered objects.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use e2e::{Certificates, Issued, Program};
use serde_json::{Value, json};

use super::{objects, of_kind, rendered, values_file, values_files};

fn kinds(manifests: &str) -> Result<BTreeMap<String, usize>> {
    let mut kinds = BTreeMap::new();
    for object in objects(manifests)? {
        let kind = object["kind"].as_str().context("a kind")?;
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    Ok(kinds)
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(kind, count)| (kind.to_owned(), count)).into()
}

/// Returns the number of objects of each kind that the chart renders without values.
fn defaults() -> BTreeMap<String, usize> {
    counts([
        // Two for each API, and those for people.
        ("ClusterRole", 4 + 5),
        ("ClusterRoleBinding", 4),
        ("CustomResourceDefinition", 3),
        ("Deployment", 2),
        // The Pod of `helm test`.
        ("Pod", 1),
        ("Service", 2),
        ("ServiceAccount", 2),
        ("ValidatingAdmissionPolicy", 2),
        ("ValidatingAdmissionPolicyBinding", 2),
    ])
}

#[tokio::test]
async fn without_values_it_is_two_apis_and_their_needs() -> Result<()> {
    let manifests = rendered("bookshelf", &[]).await?;
    assert_eq!(kinds(&manifests)?, defaults());
    Ok(())
}

#[tokio::test]
async fn each_switch_adds_its_objects() -> Result<()> {
    let everything = values_file("everything.yaml");
    let manifests = rendered("bookshelf", &["-f", &everything]).await?;
    let mut expected = defaults();
    expected.extend(counts([
        // One for each API, the dashboard, and two extra objects.
        ("ConfigMap", 2 + 1 + 2),
        ("Certificate", 1),
        ("FlowSchema", 1),
        ("HTTPRoute", 2),
        ("HorizontalPodAutoscaler", 1),
        ("Ingress", 2),
        // The third one is for `helm test`.
        ("NetworkPolicy", 2 + 1),
        ("PodDisruptionBudget", 2),
        ("PodMonitor", 1),
        ("PriorityLevelConfiguration", 1),
        ("PrometheusRule", 1),
    ]));
    assert_eq!(kinds(&manifests)?, expected);
    for object in objects(&manifests)? {
        if object["metadata"]["labels"]["helm.sh/chart"].is_string() {
            assert_eq!(object["metadata"]["labels"]["cost-center"], "library", "{object}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn each_api_can_be_left_out_with_all_that_belongs_to_it() -> Result<()> {
    let everything = values_file("everything.yaml");
    for (off, on, component) in [
        ("adminApi", "user-api", "admin-api"),
        ("userApi", "admin-api", "user-api"),
    ] {
        let off = format!("--set={off}.enabled=false");
        let manifests = rendered("bookshelf", &["-f", &everything, &off]).await?;
        let mut of_the_other = 0;
        for object in objects(&manifests)? {
            let of = &object["metadata"]["labels"]["app.kubernetes.io/component"];
            assert_ne!(of, component, "{object}");
            of_the_other += usize::from(of == on);
            // Selectors of both APIs, and the texts of alerts and the dashboard, may name both components.
            let kind = object["kind"].as_str().context("a kind")?;
            if !["PodMonitor", "ConfigMap", "PrometheusRule"].contains(&kind) {
                assert!(
                    !object.to_string().contains(&format!("other-{component}")),
                    "{object}"
                );
            }
        }
        assert!(of_the_other >= 9, "{of_the_other}");
    }
    let neither = ["--set=adminApi.enabled=false,userApi.enabled=false"];
    let expected = counts([("ClusterRole", 5), ("CustomResourceDefinition", 3)]);
    assert_eq!(kinds(&rendered("bookshelf", &neither).await?)?, expected);
    Ok(())
}

#[tokio::test]
async fn for_some_namespaces_it_has_roles_in_each_and_configures_the_apis() -> Result<()> {
    let manifests = rendered("bookshelf", &["--set=watchNamespaces={east,west}"]).await?;
    let mut expected = defaults();
    // Reviews of tokens have no namespace, so they need a ClusterRole.
    expected.extend(counts([
        ("ClusterRole", 2 + 5),
        ("ClusterRoleBinding", 2),
        ("Role", 4),
        ("RoleBinding", 4),
    ]));
    assert_eq!(kinds(&manifests)?, expected);
    assert_eq!(manifests.matches("--watch-namespaces=east,west").count(), 2);
    Ok(())
}

/// Renders with these values, and returns the objects of a kind by API.
async fn of_apis(kind: &str, set: &str) -> Result<BTreeMap<String, Value>> {
    let manifests = rendered("bookshelf", &["--kube-version=1.36", "--set", set]).await?;
    let objects = of_kind(&manifests, kind)?.into_iter().map(|object| {
        let component = object["metadata"]["labels"]["app.kubernetes.io/component"].as_str();
        Ok((component.context("a component")?.to_owned(), object))
    });
    objects.collect()
}

#[tokio::test]
async fn an_autoscaler_decides_the_number_of_replicas_alone() -> Result<()> {
    let deployments = of_apis("Deployment", "adminApi.autoscaling.enabled=true").await?;
    assert!(deployments["admin-api"]["spec"].get("replicas").is_none());
    assert_eq!(deployments["user-api"]["spec"]["replicas"], 1);
    Ok(())
}

#[tokio::test]
async fn one_replica_has_no_disruption_budget() -> Result<()> {
    for (set, expected) in [
        ("adminApi.replicas=1", false),
        ("adminApi.replicas=2", true),
        (
            "adminApi.replicas=2,adminApi.podDisruptionBudget.enabled=false",
            false,
        ),
        ("adminApi.autoscaling.enabled=true", true),
        (
            "adminApi.autoscaling.enabled=true,adminApi.autoscaling.minReplicas=1,adminApi.replicas=3",
            false,
        ),
    ] {
        let budgets = of_apis("PodDisruptionBudget", set).await?;
        assert_eq!(budgets.contains_key("admin-api"), expected, "{set}");
        assert!(!budgets.contains_key("user-api"));
    }
    Ok(())
}

#[tokio::test]
async fn a_network_policy_without_peers_admits_nobody() -> Result<()> {
    let none = "networkPolicy.enabled=true,networkPolicy.monitoring.from=null";
    let policies = of_apis("NetworkPolicy", none).await?;
    assert!(policies["user-api"]["spec"].get("ingress").is_none());
    let types = &policies["user-api"]["spec"]["policyTypes"];
    assert_eq!(*types, json!(["Ingress", "Egress"]));
    let one = "networkPolicy.enabled=true,userApi.networkPolicy.from[0].podSelector.matchLabels.app=gateway";
    let policies = of_apis("NetworkPolicy", one).await?;
    let ingress = &policies["user-api"]["spec"]["ingress"];
    assert_eq!(
        ingress[0],
        json!({"from": [{"podSelector": {"matchLabels": {"app": "gateway"}}}], "ports": [{"port": "http"}]})
    );
    assert_eq!(ingress[1]["ports"], json!([{"port": "ops"}]));
    let of_admins = &policies["admin-api"]["spec"]["ingress"];
    assert_eq!(of_admins.as_array().map(Vec::len), Some(1), "{of_admins}");
    Ok(())
}

#[tokio::test]
async fn a_pod_serves_on_while_load_balancers_notice_its_end() -> Result<()> {
    for (version, sleeps) in [("1.33.4-gke.100", false), ("1.34.0", true), ("1.36.3", true)] {
        let version = format!("--kube-version={version}");
        let deployments = of_kind(&rendered("bookshelf", &[&version]).await?, "Deployment")?;
        for deployment in deployments {
            let container = &deployment["spec"]["template"]["spec"]["containers"][0];
            let sleep = container.pointer("/lifecycle/preStop/sleep/seconds");
            assert_eq!(sleep, sleeps.then(|| json!(5)).as_ref(), "{version}");
            let arguments = container["args"].as_array().context("arguments")?;
            let has_flag = arguments.contains(&json!("--shutdown-delay=5"));
            assert_eq!(has_flag, !sleeps, "{version}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn settings_become_environment_variables_and_a_change_restarts_the_pods() -> Result<()> {
    let mut checksums = Vec::new();
    for body in ["256000", "1048576"] {
        let set = format!("adminApi.config.max-body={body},adminApi.config.log=debug");
        let maps = of_apis("ConfigMap", &set).await?;
        let expected = json!({"BOOKSHELF_LOG": "debug", "BOOKSHELF_MAX_BODY": body});
        assert_eq!(maps["admin-api"]["data"], expected);
        let deployments = of_apis("Deployment", &set).await?;
        let template = &deployments["admin-api"]["spec"]["template"];
        let reference = &template["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"];
        assert_eq!(*reference, maps["admin-api"]["metadata"]["name"]);
        let checksum = &template["metadata"]["annotations"]["checksum/config"];
        checksums.push(checksum.as_str().context("a checksum")?.to_owned());
    }
    assert_ne!(checksums[0], checksums[1]);
    Ok(())
}

#[tokio::test]
async fn an_image_is_chosen_by_tag_or_digest() -> Result<()> {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (set, expected) in [
        (
            "adminApi.image.tag=1.2.3".to_owned(),
            "bookshelf-admin-api:1.2.3".to_owned(),
        ),
        (
            "adminApi.image.tag=".to_owned(),
            "bookshelf-admin-api:0.1.0".to_owned(),
        ),
        (
            format!("adminApi.image.repository=r/b,adminApi.image.digest={digest}"),
            format!("r/b@{digest}"),
        ),
    ] {
        let deployments = of_apis("Deployment", &set).await?;
        let image = &deployments["admin-api"]["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(*image, expected);
    }
    Ok(())
}

#[tokio::test]
async fn callers_are_known_by_tokens_unless_a_gateway_knows_them() -> Result<()> {
    let arguments_of = async |set: &str| -> Result<BTreeMap<String, Vec<String>>> {
        let deployments = of_apis("Deployment", set).await?.into_iter();
        let arguments = deployments.map(|(component, deployment)| {
            let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
            let all: Vec<String> = serde_json::from_value(arguments.clone())?;
            let of_callers = |flag: &String| flag.starts_with("--auth") || flag.starts_with("--trusted");
            Ok((component, all.into_iter().filter(of_callers).collect()))
        });
        arguments.collect()
    };
    let tokens = arguments_of("auth.audiences.userApi={one,two}").await?;
    assert_eq!(tokens["admin-api"], ["--auth-mode=token"]);
    assert_eq!(
        tokens["user-api"],
        ["--auth-mode=token", "--auth-audience=one,two"]
    );
    let header = "auth.mode=header,auth.trustedProxies={10.0.0.0/8,::1/128}";
    let expected = ["--auth-mode=header", "--trusted-proxy=10.0.0.0/8,::1/128"];
    for arguments in arguments_of(header).await?.values() {
        assert_eq!(*arguments, expected);
    }
    let manifests = rendered("bookshelf", &["--set", header]).await?;
    assert!(!manifests.contains("tokenreviews"));
    Ok(())
}

#[tokio::test]
async fn the_history_is_kept_by_one_api_and_off_for_both() -> Result<()> {
    let arguments_of = async |set: &str| -> Result<Vec<String>> {
        let mut all = Vec::new();
        for (component, deployment) in of_apis("Deployment", set).await? {
            let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
            let arguments: Vec<String> = serde_json::from_value(arguments.clone())?;
            let of_history = arguments.iter().filter(|flag| flag.starts_with("--history"));
            all.extend(of_history.map(|flag| format!("{component} {flag}")));
        }
        Ok(all)
    };
    assert_eq!(
        arguments_of("history.days=90,history.entries=1000000").await?,
        [
            "admin-api --history-days=90",
            "admin-api --history-entries=1000000",
            "admin-api --history-names-days=365",
        ]
    );
    let off = "history.enabled=false";
    assert_eq!(
        arguments_of(off).await?,
        ["admin-api --history=false", "user-api --history=false"]
    );
    for (set, expected) in [("history.enabled=true", 2), (off, 0)] {
        let roles = of_kind(&rendered("bookshelf", &["--set", set]).await?, "ClusterRole")?;
        let of_apis = roles.iter().filter(|role| {
            let component = &role["metadata"]["labels"]["app.kubernetes.io/component"];
            component != "people" && role.to_string().contains("loanjournals")
        });
        assert_eq!(of_apis.count(), expected, "{set}");
    }
    Ok(())
}

#[tokio::test]
async fn the_programs_take_the_arguments_of_the_chart() -> Result<()> {
    let values = values_files()?
        .into_iter()
        .map(|file| format!("--values={}", file.display()));
    let certificates = Certificates::new(&Issued::new()?)?;
    for values in values.chain(["--set=nameOverride=".to_owned()]) {
        let manifests = rendered("bookshelf", &["--kube-version=1.33", &values]).await?;
        for deployment in of_kind(&manifests, "Deployment")? {
            let container = &deployment["spec"]["template"]["spec"]["containers"][0];
            let program = Program::ALL
                .into_iter()
                .find(|program| container["name"] == program.name())
                .context("a program")?;
            let mut arguments: Vec<String> = serde_json::from_value(container["args"].clone())?;
            // Uses free ports at the same addresses.
            for argument in &mut arguments {
                *argument = argument.replace("=0.0.0.0:8080", "=0.0.0.0:0");
                *argument = argument.replace("=0.0.0.0:9080", "=0.0.0.0:0");
                // And an existing certificate.
                let tls = certificates.flags();
                let mut tls = tls
                    .iter()
                    .filter(|flag| argument.split('=').next() == flag.split('=').next());
                if let Some(flag) = tls.next() {
                    argument.clone_from(flag);
                }
            }
            // The program gets as far as the kubeconfig, which is empty.
            let output = program
                .command()?
                .args(arguments)
                .arg("--kubeconfig=/dev/null")
                .output()?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("kubeconfig"), "{values}: {said}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_mounted_and_services_say_https() -> Result<()> {
    for (set, secret) in [
        ("tls.secretName=given", "given"),
        (
            "tls.certManager.enabled=true,tls.certManager.issuerRef.name=ca",
            "bookshelf-tls",
        ),
    ] {
        for deployment in of_apis("Deployment", set).await?.values() {
            let pod = &deployment["spec"]["template"]["spec"];
            assert_eq!(pod["volumes"][0]["secret"]["secretName"], secret);
            let container = &pod["containers"][0];
            assert_eq!(container["volumeMounts"][0]["mountPath"], "/tls");
            let arguments = container["args"].as_array().context("arguments")?;
            for argument in [
                "--tls-cert-file=/tls/tls.crt",
                "--tls-private-key-file=/tls/tls.key",
            ] {
                assert!(arguments.contains(&json!(argument)), "{arguments:?}");
            }
        }
        for service in of_apis("Service", set).await?.values() {
            assert_eq!(service["spec"]["ports"][0]["appProtocol"], "https");
        }
    }
    Ok(())
}
