//! The networks that are simulated: their names, and the hosts at which they answer.
//!
//! What would surprise: a host belongs to one network, and a network may have several hosts, so
//! the first part of a path says which network is meant. The plain ones have their own name there.

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// Twitter, now X.
    Twitter,
    /// Facebook.
    Facebook,
    /// Google.
    Google,
    /// GitHub.
    GitHub,
    /// LinkedIn.
    LinkedIn,
    /// Microsoft, with personal accounts and those of organisations.
    Microsoft,
    /// Apple.
    Apple,
    /// GitLab.
    GitLab,
    /// Discord.
    Discord,
    /// Slack.
    Slack,
    /// QQ.
    Qq,
    /// Foursquare.
    Foursquare,
    /// Any provider of OpenID Connect.
    Oidc,
    /// Any server of OAuth 2 with introspection.
    OAuth2,
    /// Any server of OAuth 1.0a.
    OAuth1,
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Twitter,
        Self::Facebook,
        Self::Google,
        Self::GitHub,
        Self::LinkedIn,
        Self::Microsoft,
        Self::Apple,
        Self::GitLab,
        Self::Discord,
        Self::Slack,
        Self::Qq,
        Self::Foursquare,
        Self::Oidc,
        Self::OAuth2,
        Self::OAuth1,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Twitter => "twitter",
            Self::Facebook => "facebook",
            Self::Google => "google",
            Self::GitHub => "github",
            Self::LinkedIn => "linkedin",
            Self::Microsoft => "microsoft",
            Self::Apple => "apple",
            Self::GitLab => "gitlab",
            Self::Discord => "discord",
            Self::Slack => "slack",
            Self::Qq => "qq",
            Self::Foursquare => "foursquare",
            Self::Oidc => "oidc",
            Self::OAuth2 => "oauth2",
            Self::OAuth1 => "oauth1",
        }
    }

    /// What else it is called, by those who link accounts there.
    const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Twitter => &["x"],
            Self::Google => &["google-oauth2", "googleplus"],
            Self::Microsoft => &["windowslive", "waad", "live", "hotmail"],
            _ => &[],
        }
    }

    /// The network of this name or alias.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|network| network.name() == name || network.aliases().contains(&name))
    }

    /// The hosts at which it answers.
    pub const fn hosts(self) -> &'static [&'static str] {
        match self {
            Self::Twitter => &["api.twitter.com", "api.x.com", "twitter.com", "x.com"],
            Self::Facebook => &["graph.facebook.com", "www.facebook.com"],
            Self::Google => &[
                "oauth2.googleapis.com",
                "openidconnect.googleapis.com",
                "www.googleapis.com",
                "accounts.google.com",
            ],
            Self::GitHub => &["api.github.com", "github.com"],
            Self::LinkedIn => &["www.linkedin.com", "api.linkedin.com"],
            Self::Microsoft => &["login.microsoftonline.com", "graph.microsoft.com"],
            Self::Apple => &["appleid.apple.com"],
            Self::GitLab => &["gitlab.com"],
            Self::Discord => &["discord.com"],
            Self::Slack => &["slack.com"],
            Self::Qq => &["graph.qq.com"],
            Self::Foursquare => &["api.foursquare.com", "foursquare.com"],
            Self::Oidc => &["oidc"],
            Self::OAuth2 => &["oauth2"],
            Self::OAuth1 => &["oauth1"],
        }
    }

    /// The network that answers at this host.
    pub fn at(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.hosts().contains(&host))
    }

    /// Whether it has accounts with OAuth 1.0a tokens, which come with a secret.
    pub const fn signs_requests(self) -> bool {
        matches!(self, Self::Twitter | Self::OAuth1)
    }

    /// Whether it says who somebody is in an ID token.
    pub const fn has_id_tokens(self) -> bool {
        matches!(
            self,
            Self::Google | Self::LinkedIn | Self::Microsoft | Self::Apple | Self::GitLab | Self::Slack | Self::Oidc
        )
    }
}
