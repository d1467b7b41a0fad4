/// Base 32 for text that people paste, read out and retype: lower case, no padding, no `i l o u`.
///
/// Reading takes capitals, and `i`/`l` for 1 and `o` for 0.
enum Base32 {
    private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var window: UInt32 = 0
        var bits = 0
        for byte in bytes {
            window = window << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(digits[Int(window >> UInt32(bits)) & 31])
            }
            window &= (1 << UInt32(bits)) - 1
        }
        if bits > 0 { text.append(digits[Int(window << UInt32(5 - bits)) & 31]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for a character that is no digit, and for lengths or last digits that no bytes have.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var window: UInt32 = 0
        var bits = 0
        for character in text {
            guard let digit = value(character) else { return nil }
            window = window << 5 | digit
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: window >> UInt32(bits)))
                window &= (1 << UInt32(bits)) - 1
            }
        }
        return bits < 5 && window == 0 ? bytes : nil
    }

    private static func value(_ character: UInt8) -> UInt32? {
        switch character | 0x20 {
        case UInt8(ascii: "o"): return 0
        case UInt8(ascii: "i"), UInt8(ascii: "l"): return 1
        case let lower:
            let known = character < 0x40 ? character : lower
            return digits.firstIndex(of: known).map(UInt32.init)
        }
    }
}
