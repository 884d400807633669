//! Lists: the JSON of their members put together, and kept until one of them changes.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use moka::sync::Cache;

use crate::answer;

/// How much memory all kept lists take, in bytes. One that does not fit is made each time.
const CAPACITY: u64 = 16 << 20;
/// About what keeping a list takes beside its bytes, so that many small ones count as well.
const ENTRY: usize = 512;

/// Lists that were asked for, each with the generation of what it was made of.
#[derive(Clone)]
pub struct Lists {
    kept: Cache<String, (u64, Bytes)>,
}

impl Default for Lists {
    fn default() -> Self {
        let kept = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|key: &String, (_, list): &(u64, Bytes)| {
                u32::try_from(ENTRY + key.len() + list.len()).unwrap_or(u32::MAX)
            })
            .build();
        Self { kept }
    }
}

impl Lists {
    /// The list of this name: as it was made last, if its members are of the same generation, and made of
    /// `members` otherwise.
    pub fn answer<T: AsRef<[u8]>, M: Iterator<Item = T>>(
        &self,
        name: String,
        generation: u64,
        members: impl FnOnce() -> M,
    ) -> HttpResponse {
        let kept = self.kept.get(&name).filter(|(of, _)| *of == generation);
        let list = kept.map_or_else(
            || {
                let list = put_together(members());
                // Generation 0 is that of nothing, of which there is no end.
                if generation > 0 {
                    self.kept.insert(name, (generation, list.clone()));
                }
                list
            },
            |(_, list)| list,
        );
        answer::json(&mut HttpResponse::Ok(), list)
    }
}

fn put_together<T: AsRef<[u8]>>(members: impl Iterator<Item = T>) -> Bytes {
    const HEAD: &[u8] = br#"{"list":["#;
    const TAIL: &[u8] = b"]}";
    let members = members.collect::<Vec<_>>();
    let length = members
        .iter()
        .map(|member| member.as_ref().len() + 1)
        .sum::<usize>();
    let mut list = Vec::with_capacity(HEAD.len() + length + TAIL.len());
    list.extend_from_slice(HEAD);
    for (place, member) in members.iter().enumerate() {
        if place > 0 {
            list.push(b',');
        }
        list.extend_from_slice(member.as_ref());
    }
    list.extend_from_slice(TAIL);
    list.into()
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    async fn body(response: HttpResponse) -> String {
        String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap()
    }

    #[actix_web::test]
    async fn a_list_is_made_again_when_its_members_are_of_another_generation() {
        let lists = Lists::default();
        let ask = |generation, members: &'static [&'static str]| {
            body(lists.answer("name".to_owned(), generation, || members.iter()))
        };
        assert_eq!(ask(1, &[]).await, r#"{"list":[]}"#);
        assert_eq!(ask(2, &["1", "2"]).await, r#"{"list":[1,2]}"#);
        assert_eq!(ask(2, &["not asked for"]).await, r#"{"list":[1,2]}"#);
        assert_eq!(ask(3, &["3"]).await, r#"{"list":[3]}"#);
    }
}
