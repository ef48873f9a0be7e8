//! JSON answers: `(StatusCode::CREATED, Json(wire::User::from(user)))`.
//!
//! axum's own `Json` is not built in, since its reading half lets through what `json`
//! refuses.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;

use super::refusal::Refusal;

/// What an answer seldom exceeds.
const USUAL_BYTES: usize = 1024;

/// A value to be written as `application/json`, with status 200 unless another is given.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut text = Vec::with_capacity(USUAL_BYTES);
        match serde_json::to_writer(&mut text, &self.0) {
            Ok(()) => {
                let mut response = text.into_response();
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                Refusal::Internal.into_response()
            }
        }
    }
}
