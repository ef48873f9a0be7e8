//! What Kii calls networks: in paths, in the listing, in types of requests and in errors (`api/kii.md` 5.1,
//! 6.1 and 7).
//!
//! What would surprise: one network may have two names here. Google is `google` in paths and `googleplus`
//! in the listing, and one client throws on a key of the listing that it does not know.

use super::error::Problem;
use http::StatusCode;

/// A network, as Kii knows it.
#[derive(Debug)]
pub struct Network {
    /// Its name in paths.
    pub path: &'static str,
    /// Its key in the listing.
    pub key: &'static str,
    /// What we call it.
    pub provider: &'static str,
    /// How an account of it is linked; `None`: it is not, here.
    pub link: Option<Link>,
}

/// How an account is linked and logged in with.
#[derive(Debug)]
pub struct Link {
    /// The request to link.
    pub request: &'static str,
    /// The request to log in.
    pub login: &'static str,
    /// The exception, the code and the field of an account or user that has a link.
    pub linked: (&'static str, &'static str, &'static str),
    /// What else than the access token proves the account.
    pub with: With,
}

/// What else than an access token is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// Nothing.
    Nothing,
    /// The second half of an OAuth 1.0a token.
    Secret,
    /// Whose it is.
    OpenId,
}

const fn without_link(path: &'static str, key: &'static str, provider: &'static str) -> Network {
    Network {
        path,
        key,
        provider,
        link: None,
    }
}

const fn with_link(path: &'static str, key: &'static str, link: Link) -> Network {
    Network {
        path,
        key,
        provider: path,
        link: Some(link),
    }
}

/// All of them.
pub static ALL: [Network; 12] = [
    with_link(
        "twitter",
        "twitter",
        Link {
            request: "LinkTwitterRequest",
            login: "AuthTokenTwitterRequest",
            linked: (
                "TwitterUserAlreadyLinkedException",
                "TWITTER_USER_ALREADY_LINKED",
                "twitterID",
            ),
            with: With::Secret,
        },
    ),
    with_link(
        "facebook",
        "facebook",
        Link {
            request: "LinkFacebookRequest",
            login: "AuthTokenFacebookRequest",
            linked: (
                "FacebookUserAlreadyLinkedException",
                "FACEBOOK_USER_ALREADY_LINKED",
                "facebookID",
            ),
            with: With::Nothing,
        },
    ),
    with_link(
        "google",
        "googleplus",
        Link {
            request: "LinkGoogleRequest",
            login: "AuthTokenGoogleRequest",
            linked: (
                "GoogleUserAlreadyLinkedException",
                "GOOGLE_USER_ALREADY_LINKED",
                "googleID",
            ),
            with: With::Nothing,
        },
    ),
    with_link(
        "qq",
        "qq",
        Link {
            request: "LinkQQRequest",
            login: "AuthTokenQQRequest",
            linked: ("QQUserAlreadyLinkedException", "QQ_USER_ALREADY_LINKED", "qqID"),
            with: With::OpenId,
        },
    ),
    with_link(
        "renren",
        "renren",
        Link {
            request: "LinkRenRenRequest",
            login: "AuthTokenRenRenRequest",
            linked: ("UserAlreadyLinkedException", "USER_ALREADY_LINKED", "userID"),
            with: With::Nothing,
        },
    ),
    without_link("sina", "sina", "sina"),
    without_link("linkedin", "linkedin", "linkedin"),
    without_link("yahoo", "yahoo", "yahoo"),
    without_link("dropbox", "dropbox", "dropbox"),
    without_link("box", "box", "box"),
    without_link("live", "hotmail", "microsoft"),
    without_link("kii", "kii", "kii"),
];

/// The network of this name in a path; the key of the listing will do as well.
pub fn named(path: &str) -> Option<&'static Network> {
    ALL.iter()
        .find(|network| network.path == path)
        .or_else(|| ALL.iter().find(|network| network.key == path))
}

/// The network that a provider of ours is.
pub fn of_provider(provider: &str) -> Option<&'static Network> {
    ALL.iter().find(|network| network.provider == provider)
}

impl Link {
    /// That the account or the user has a link, with what may be said: the account's own id where Kii has
    /// one for it, and otherwise the user of the path.
    pub fn linked(&self, account: &str, user: &str) -> Problem {
        let (exception, code, field) = self.linked;
        let id = if field == "userID" { user } else { account };
        let message = "This account or user has a link already";
        Problem::new(StatusCode::CONFLICT, exception, code, message).with(field, id)
    }
}
