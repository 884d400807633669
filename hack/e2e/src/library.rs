//! A test's own namespace, seen from all sides.

use anyhow::{Context as _, Result};
use bookshelf_crd::{Book, BookLoan, BookLoanSpec, BookSpec};
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{Answer, Api, Cluster, Log, Service, SharedApis, eventually};

/// A namespace of its own, both APIs, and the API server as administrator.
pub struct Library {
    /// The namespace.
    pub namespace: String,
    /// The librarians' API.
    pub admin: Api,
    /// The tenants' API.
    pub user: Api,
    /// The API server, as administrator.
    pub client: Client,
    /// The cluster the library is in.
    pub cluster: Cluster,
    /// The services behind `admin` and `user`, where they are shared with other tests.
    pub shared: Option<SharedApis>,
}

/// A book as kubectl would make it.
#[must_use]
pub fn book(id: &str) -> Book {
    let spec = BookSpec {
        author: "An Author".to_owned(),
        title: "A Title".to_owned(),
        description: None,
    };
    Book::new(id, spec)
}

/// A loan as kubectl would make it.
#[must_use]
pub fn loan(id: &str, tenant: &str) -> BookLoan {
    let borrowed_by = tenant.to_owned();
    let borrowed_at = None;
    BookLoan::new(
        id,
        BookLoanSpec {
            borrowed_by,
            borrowed_at,
        },
    )
}

impl Library {
    /// A library in the cluster and behind the APIs that all tests share.
    pub async fn open() -> Result<Self> {
        let cluster = Cluster::shared()?;
        let shared = SharedApis::get().await?;
        let library = Self::open_in(&cluster, shared.admin(), shared.user()).await?;
        Ok(Self {
            shared: Some(shared),
            ..library
        })
    }

    /// A library in any cluster, behind APIs of the test's own.
    pub async fn open_in(cluster: &Cluster, admin: &Service, user: &Service) -> Result<Self> {
        let client = cluster.client().await?;
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some("library-".to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespaces = kube::Api::all(client.clone());
        let created: Namespace = namespaces.create(&PostParams::default(), &namespace).await?;
        Ok(Self {
            namespace: created.name_any(),
            admin: admin.api()?,
            user: user.api()?,
            client,
            cluster: cluster.clone(),
            shared: None,
        })
    }

    /// Both APIs.
    #[must_use]
    pub fn apis(&self) -> [&Api; 2] {
        [&self.admin, &self.user]
    }

    /// A book as this API serves it, if the librarians' API serves `book`: the tenants' API adds `available`.
    #[must_use]
    pub fn as_served_by(&self, api: &Api, book: &Value, available: bool) -> Value {
        let mut book = book.clone();
        if self.is_tenants(api) {
            book["available"] = available.into();
        }
        book
    }

    /// Reports the tenants' API.
    #[must_use]
    pub fn is_tenants(&self, api: &Api) -> bool {
        std::ptr::eq(api, &raw const self.user)
    }

    /// The path of the library's list.
    #[must_use]
    pub fn list_path(&self) -> String {
        format!("/book/{}", self.namespace)
    }

    /// The path of a book, or of a resource under it: `"id/borrow"`.
    #[must_use]
    pub fn path(&self, id: &str) -> String {
        format!("/book/{}/{id}", self.namespace)
    }

    /// The path of the library's loans.
    #[must_use]
    pub fn loans_path(&self) -> String {
        format!("/loan/{}", self.namespace)
    }

    /// The path of a loan.
    #[must_use]
    pub fn loan_path(&self, id: &str) -> String {
        format!("/loan/{}/{id}", self.namespace)
    }

    /// The body of a request that adds a book.
    #[must_use]
    pub fn body(&self, id: &str) -> Value {
        json!({"id": id, "author": "An Author", "title": "A Title"})
    }

    /// Adds a book over HTTP; the tenants' API serves it, too, before this returns.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn add(&self, id: &str) -> Result<Answer> {
        let answer = self.admin.post(self.list_path()).json(&self.body(id)).await?;
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.appeared(id).await?;
        Ok(answer)
    }

    /// Adds a book as kubectl does, past the APIs; both serve it before this returns.
    pub async fn plant(&self, book: &Book) -> Result<Book> {
        let planted = self.books().create(&PostParams::default(), book).await?;
        self.appeared(&planted.name_any()).await?;
        Ok(planted)
    }

    /// Updates a book over HTTP.
    pub async fn put(&self, id: &str, body: &Value) -> Result<Answer> {
        self.admin.put(self.path(id)).json(body).await
    }

    /// Patches a book as kubectl does, past the APIs: a merge patch.
    pub async fn kubectl_patch(&self, id: &str, patch: &Value) -> Result<Book> {
        let (books, parameters) = (self.books(), PatchParams::default());
        Ok(books.patch(id, &parameters, &Patch::Merge(patch)).await?)
    }

    /// Borrows a book over HTTP.
    pub async fn borrow(&self, id: &str, tenant: &str) -> Result<Answer> {
        let path = self.path(&format!("{id}/borrow"));
        self.user.post(path).tenant(tenant).await
    }

    /// Returns a book over HTTP.
    pub async fn give_back(&self, id: &str, tenant: &str) -> Result<Answer> {
        let path = self.path(&format!("{id}/return"));
        self.user.post(path).tenant(tenant).await
    }

    /// Lends a book over HTTP; both APIs serve the loan before this returns.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn lend(&self, id: &str, tenant: &str) -> Result<Value> {
        let answer = self.borrow(id, tenant).await?;
        let loan = answer.json(201);
        self.loans_at(answer.header("X-Resource-Version")).await?;
        Ok(loan)
    }

    /// Creates a loan as kubectl does, past the APIs; both serve it before this returns.
    pub async fn plant_loan(&self, loan: &BookLoan) -> Result<BookLoan> {
        let planted = self.loans().create(&PostParams::default(), loan).await?;
        self.loans_at(&planted.resource_version().context("a version")?)
            .await?;
        Ok(planted)
    }

    /// Returns when both APIs serve loans of this version or a newer one. It is the version of an object, or an
    /// answer's `X-Resource-Version`.
    ///
    /// # Panics
    ///
    /// When they do not.
    pub async fn loans_at(&self, version: &str) -> Result<()> {
        // Any version of the books is enough.
        let version = format!("1.{}", version.split('.').next_back().unwrap_or_default());
        for api in self.apis() {
            eventually(&format!("loans are served at {version}"), async || {
                let read = api.get(self.loans_path()).tenant("nobody");
                let answer = read.header("X-Resource-Version", &version).await?;
                let is_late = answer.status == 503;
                if !is_late {
                    answer.json(200);
                }
                Ok((!is_late).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// The log of the librarians' API that all tests share, from here on.
    pub fn log(&self) -> Result<Log> {
        let shared = self.shared.as_ref().context("a library behind shared APIs")?;
        shared.admin().log().end()
    }

    /// The ids in the list that an API gives for `query`, such as `"?category_id=math"`.
    ///
    /// # Panics
    ///
    /// When it gives none.
    pub async fn ids(&self, api: &Api, query: &str) -> Result<Vec<String>> {
        let answer = api.get(format!("{}{query}", self.list_path())).await?.json(200);
        let list = answer["list"].as_array().context("a list")?;
        list.iter()
            .map(|book| Ok(book["id"].as_str().context("an id")?.to_owned()))
            .collect()
    }

    /// Returns when both APIs serve a book of this id.
    pub async fn appeared(&self, id: &str) -> Result<()> {
        self.seen(id, |answer| answer.status == 200).await
    }

    /// Returns when both APIs serve no book of this id.
    pub async fn vanished(&self, id: &str) -> Result<()> {
        self.seen(id, |answer| answer.status == 404).await
    }

    /// Returns when both APIs answer a GET of the book as `accept` wants it.
    pub async fn seen(&self, id: &str, accept: impl Fn(&Answer) -> bool) -> Result<()> {
        for api in self.apis() {
            eventually(&format!("{id} is seen as it is"), async || {
                let answer = api.get(self.path(id)).await?;
                Ok(accept(&answer).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// The books in the API server.
    #[must_use]
    pub fn books(&self) -> kube::Api<Book> {
        kube::Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The loans in the API server.
    #[must_use]
    pub fn loans(&self) -> kube::Api<BookLoan> {
        kube::Api::namespaced(self.client.clone(), &self.namespace)
    }
}
