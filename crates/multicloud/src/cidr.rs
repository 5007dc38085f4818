//! Address ranges, as all clouds take them. Pure.

use std::net::IpAddr;

/// An address range: the first address of it, and the prefix length. Others in it would come back as the first, and differ
/// ever after.
pub(crate) fn parse_cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let prefix = prefix.bytes().all(|byte| byte.is_ascii_digit()).then(|| prefix.parse::<u8>().ok()).flatten()?;
    let (bits, longest) = bits(address);
    let is_first = prefix <= longest && bits.checked_shl(prefix.into()).unwrap_or(0) == 0;
    is_first.then_some((address, prefix))
}

/// Whether some address is in both ranges.
#[cfg(feature = "aks")]
pub(crate) fn overlap((one, one_prefix): (IpAddr, u8), (other, other_prefix): (IpAddr, u8)) -> bool {
    let shared = one_prefix.min(other_prefix);
    let differing = bits(one).0 ^ bits(other).0;
    one.is_ipv4() == other.is_ipv4() && differing.checked_shr(128 - u32::from(shared)).unwrap_or(0) == 0
}

/// Bits of an address, and their number. Left-aligned, so that the prefix is the same number of leading bits in both.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_strictly() {
        for good in ["0.0.0.0/0", "10.0.0.0/8", "::/0", "2001:db8::/128"] {
            assert!(parse_cidr(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "10.0.0.1/8",
            "2001:db8::1/64",
            "0.0.0.1/0",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0/8",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "::/129",
            "a/8",
        ] {
            assert!(parse_cidr(bad).is_none(), "{bad}");
        }
    }

    #[cfg(feature = "aks")]
    #[test]
    fn ranges_overlap_where_one_is_in_the_other() {
        let check = |one, other| overlap(parse_cidr(one).unwrap(), parse_cidr(other).unwrap());
        assert!(check("10.0.0.0/8", "10.1.0.0/16") && check("10.1.0.0/16", "10.0.0.0/8"));
        assert!(check("0.0.0.0/0", "203.0.113.0/24") && check("10.0.0.1/32", "10.0.0.1/32"));
        assert!(!check("10.0.0.0/16", "10.1.0.0/16") && !check("0.0.0.0/0", "::/0"));
    }
}
