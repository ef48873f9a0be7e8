//! The primitives that the vault is made of, against project Wycheproof.

use aws_lc_rs::{aead, hkdf, hmac};

use crate::wycheproof::vectors;

#[test]
fn sec_vlt_13_aes_256_gcm() {
    let (mut checked, mut unused) = (0, 0);
    for vector in vectors("aes_gcm_test.json", 316) {
        // The vault knows keys of 256 bits and nonces of 96, and no others.
        if vector.group["keySize"] != 256 || vector.group["ivSize"] != 96 {
            unused += 1;
            continue;
        }
        assert_eq!(vector.group["tagSize"], 128);
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &vector.bytes("key")).unwrap();
        let nonce = aead::Nonce::try_assume_unique_for_key(&vector.bytes("iv")).unwrap();
        let mut sealed = [vector.bytes("ct"), vector.bytes("tag")].concat();
        let key = aead::LessSafeKey::new(key);
        let opened = key.open_in_place(nonce, aead::Aad::from(vector.bytes("aad")), &mut sealed);
        let valid = opened.is_ok_and(|plain| plain == vector.bytes("msg"));
        vector.check(valid);

        if valid {
            let nonce = aead::Nonce::try_assume_unique_for_key(&vector.bytes("iv")).unwrap();
            let mut body = vector.bytes("msg");
            let tag = key
                .seal_in_place_separate_tag(nonce, aead::Aad::from(vector.bytes("aad")), &mut body)
                .unwrap();
            assert_eq!((body, tag.as_ref()), (vector.bytes("ct"), &*vector.bytes("tag")));
        }
        checked += 1;
    }
    assert_eq!((checked, unused), (66, 250));
}

#[test]
fn sec_vlt_13_hkdf_sha256() {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    for vector in vectors("hkdf_sha256_test.json", 86) {
        let size = vector.number("size");
        let mut out = vec![0; size];
        let filled = hkdf::Salt::new(hkdf::HKDF_SHA256, &vector.bytes("salt"))
            .extract(&vector.bytes("ikm"))
            .expand(&[&vector.bytes("info")], Len(size))
            .and_then(|okm| okm.fill(&mut out));
        vector.check(filled.is_ok() && out == vector.bytes("okm"));
    }
}

#[test]
fn sec_vlt_13_hmac_sha256() {
    for vector in vectors("hmac_sha256_test.json", 174) {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &vector.bytes("key"));
        let (message, tag) = (vector.bytes("msg"), vector.bytes("tag"));
        let made = hmac::sign(&key, &message);
        // Some groups cut the tag to 128 bits, which the library does not check by itself.
        vector.check(made.as_ref()[..tag.len()] == tag);
        if tag.len() == made.as_ref().len() {
            vector.check(hmac::verify(&key, &message, &tag).is_ok());
        }
    }
}
