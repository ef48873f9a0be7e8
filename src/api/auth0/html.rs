//! The few pages and mails that people see: whole documents that need no other, with everything that
//! is not ours escaped.

use std::fmt::Write;

/// How they look; without it they can be read too. No `url`, no import: nothing is fetched.
pub const STYLE: &str = "body{margin:0 auto;padding:3rem 1.25rem;max-width:32rem;font:1.0625rem/1.55 system-ui,\
sans-serif;color:#1d2327;background:#fff;overflow-wrap:anywhere}h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}\
p{margin:0 0 1.25rem}button{display:inline-block;font:inherit;font-weight:600;padding:.7rem 1.4rem;border:0;\
border-radius:.4rem;color:#fff;background:#1f5fbf;text-decoration:none;cursor:pointer}button:hover{background:#174a96}\
button:focus-visible{outline:3px solid #8ab4f8;outline-offset:2px}.small{font-size:.9rem;color:#545c66}\
@media(prefers-color-scheme:dark){body{color:#e6e8ea;background:#15181b}.small{color:#a5adb5}}";

/// A text as it stands between tags, or between quotes within one.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What no document may have.
            c if c.is_control() && !c.is_whitespace() => {
                let _ = write!(out, "\u{fffd}");
            }
            c => out.push(c),
        }
    }
    out
}

/// A document with this title, which is text, and this body, which is HTML.
pub fn document(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}
