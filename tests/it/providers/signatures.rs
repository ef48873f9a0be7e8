//! That requests are signed as whoever checks them signs, who shares no code with us.

use oneself::providers::oauth1::{Signer, base_string};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn sec_flw_09_any_text_is_signed_as_an_independent_encoder_signs_it(
        names in prop::collection::vec(("[ -~é€😀]{0,12}", "[ -~é€😀]{0,24}"), 0..6),
        secret in "[!-~é]{0,16}",
        token in "[!-~]{1,16}",
    ) {
        let address = "http://127.0.0.1:8401/api.twitter.com/1.1/account/verify_credentials.json";
        let parameters: Vec<_> = names.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let owned: Vec<_> = names.clone();
        let theirs = oneself::sandbox::base_string("GET", address, &owned);
        prop_assert_eq!(base_string("GET", address, &parameters), theirs.clone());
        let signer = Signer { consumer_key: "app", consumer_secret: &secret, token: Some((&token, &secret)) };
        prop_assert_eq!(
            signer.signature("GET", address, &parameters),
            oneself::sandbox::signature(&theirs, &secret, &secret)
        );
    }
}
