//! The path templates of an application, read off the debug text of its resource map: actix-web lists its routes
//! nowhere else, but for an experimental feature that every crate of a build would share.
//!
//! Must not know the document.

use crate::server::enforce::guard::template;

/// Every template, in the order in which the router tries them; `None` where the text is not in the known form.
pub(crate) fn templates(map: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    walk(map, &[String::new()], &mut found)?;
    Some(found)
}

/// A map is a leaf, or its nodes stand below each of its own patterns.
fn walk(map: &str, prefixes: &[String], found: &mut Vec<String>) -> Option<()> {
    let fields = inside(map, "ResourceMap {", "}")?;
    let pattern = inside(field(&fields, "pattern")?, "ResourceDef {", "}")?;
    let own = patterns(field(&pattern, "patterns")?)?;
    let mut joined = Vec::new();
    for prefix in prefixes {
        joined.extend(own.iter().map(|own| format!("{prefix}{own}")));
    }
    match field(&fields, "nodes")? {
        "None" => found.extend(joined.iter().map(|pattern| template(pattern).into_owned())),
        nodes => {
            for node in inside(nodes, "Some([", "])")? {
                walk(node, &joined, found)?;
            }
        }
    }
    Some(())
}

fn patterns(text: &str) -> Option<Vec<String>> {
    let texts = inside(text, "Single(", ")").or_else(|| inside(text, "List([", "])"))?;
    // Rust's debug text of a pattern is JSON but for characters that no pattern has.
    texts.into_iter().map(|text| serde_json::from_str(text).ok()).collect()
}

fn field<'t>(fields: &[&'t str], name: &str) -> Option<&'t str> {
    fields.iter().find_map(|field| field.strip_prefix(name)?.strip_prefix(": "))
}

/// What stands between `open` and `close`, split at the commas that are in no bracket and no string.
fn inside<'t>(text: &'t str, open: &str, close: &str) -> Option<Vec<&'t str>> {
    let text = text.strip_prefix(open)?.strip_suffix(close)?.trim();
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ if in_string => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                parts.push(text.get(begin..at)?.trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    let last = text.get(begin..)?.trim();
    parts.extend(Some(last).filter(|last| !last.is_empty()));
    Some(parts)
}

#[cfg(test)]
mod tests {
    use actix_web::{App, HttpResponse, dev::Service, test, web};

    use super::*;

    #[actix_web::test]
    async fn every_kind_of_route_is_found() {
        let nothing = || async { HttpResponse::Ok().finish() };
        let inner = web::scope("/in\"ner").service(web::resource(["/x", "/y/{n:\\d{2}}"]));
        let app = App::new()
            .route("/a", web::get().to(nothing))
            .service(web::resource("/named").name("name").to(nothing))
            .service(web::scope("/one/{id}").service(inner).route("", web::get().to(nothing)))
            .external_resource("elsewhere", "https://example.com/{x}")
            .wrap_fn(|request, next| {
                let map = format!("{:?}", request.resource_map());
                let answer = next.call(request);
                async move { Ok(answer.await?.map_body(|_, _| map)) }
            });
        let app = test::init_service(app).await;
        let body = test::call_and_read_body(&app, test::TestRequest::default().to_request()).await;
        let found = templates(std::str::from_utf8(&body).unwrap()).unwrap();
        let expected =
            ["/a", "/named", "/one/{id}/in\"ner/x", "/one/{id}/in\"ner/y/{n}", "/one/{id}"];
        assert_eq!(found, expected);
        assert_eq!(templates("Routes { }"), None);
    }
}
