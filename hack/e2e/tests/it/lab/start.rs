//! A service that starts while the API server does not answer.

use anyhow::Result;
use control_plane::Component;
use e2e::{Program, Service};
use serde_json::json;

use super::Turn;

#[tokio::test]
async fn a_service_is_live_but_not_ready_before_its_first_list() -> Result<()> {
    let turn = Turn::take().await?;
    for program in Program::ALL {
        let kubeconfig = turn.cluster().kubeconfig_of(program.name()).await?;
        turn.control_plane().pause(Component::Apiserver)?;
        let service = Service::launch_as(program, &kubeconfig, &[]).await?;
        let (api, ops) = (service.api()?, service.ops()?);

        assert_eq!(ops.get("/livez").await?.status, 200);
        for path in ["/readyz", "/healthz", "/readyz?verbose"] {
            let answer = ops.get(path).await?;
            assert_eq!(answer.status, 503, "{path}");
            assert!(
                answer.text().contains("[-]cache-sync failed"),
                "{}",
                answer.text()
            );
            assert!(answer.text().contains("[+]not-draining ok"), "{}", answer.text());
        }
        let requests = match program {
            Program::Admin => vec![
                api.get("/book/library"),
                api.get("/book/library/book"),
                api.post("/book/library")
                    .json(&json!({"id": "a", "author": "A", "title": "T"})),
                api.put("/book/library/book")
                    .json(&json!({"author": "A", "title": "T"})),
                api.delete("/book/library/book"),
            ],
            Program::User => vec![
                api.get("/book/library"),
                api.get("/book/library/book"),
                api.post("/book/library/book/borrow").tenant("bob"),
                api.post("/book/library/book/return").tenant("bob"),
            ],
        };
        for request in requests {
            let problem = request.await?.problem(503, "unavailable");
            assert!(
                problem.retry_after.is_some_and(|seconds| seconds > 0),
                "{problem:?}"
            );
        }
        // The API answers everything that does not depend on books.
        api.get("/health").await?.json(200);
        api.get("/openapi.json").await?.json(200);
        assert_eq!(api.get("/docs").await?.status, 200);
        // Routes do not depend on books either.
        for path in ["/health", "/docs", "/openapi.json", "/namespace"] {
            api.post(path).await?.problem(405, "method_not_allowed");
        }
        api.get("/no-such-route").await?.problem(404, "not_found");

        turn.control_plane().resume(Component::Apiserver)?;
        service.ready().await?;
        assert_eq!(ops.get("/readyz").await?.text(), "ok");
        let verbose = ops.get("/readyz?verbose").await?.text();
        assert!(verbose.contains("[+]cache-sync ok"), "{verbose}");
        api.get("/book/library").await?.json(200);
        api.get("/book/library/book").await?.problem(404, "not_found");
    }
    turn.leave();
    Ok(())
}
