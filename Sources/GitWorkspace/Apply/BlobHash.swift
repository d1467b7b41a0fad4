/// The object id of a blob, computed here so that a file can be compared with what was captured between two system
/// calls, without a child process: SHA-1 or SHA-256 (FIPS 180-4) over `blob <length>\0` and the bytes.
struct BlobHash {
    private var compress: Compression
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    /// For ids of `digits` hexadecimal digits (64: SHA-256, otherwise SHA-1) and contents of `size` bytes.
    init(digits: Int, size: Int) { self.init(digits: digits, header: Array("blob \(size)".utf8) + [0]) }

    /// Over any bytes that begin with `header`: other objects, a pack, an index.
    init(digits: Int, header: [UInt8]) {
        compress = digits == 64 ? .sha256(SHA256Words()) : .sha1(SHA1Words())
        pending.reserveCapacity(128)
        header.withUnsafeBytes { update($0) }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        length &+= UInt64(bytes.count)
        var rest = bytes[...]
        if !pending.isEmpty {
            let taken = rest.prefix(64 - pending.count)
            pending.append(contentsOf: taken)
            rest = rest.dropFirst(taken.count)
            if pending.count == 64 {
                pending.withUnsafeBytes { compress.blocks($0) }
                pending.removeAll(keepingCapacity: true)
            }
        }
        let whole = rest.count / 64 * 64
        if whole > 0 { compress.blocks(UnsafeRawBufferPointer(rebasing: rest.prefix(whole))) }
        pending.append(contentsOf: rest.dropFirst(whole))
    }

    /// The id in hexadecimal digits. The value must not be used afterwards.
    mutating func finish() -> String {
        let bits = length &* 8
        pending.append(0x80)
        while pending.count % 64 != 56 { pending.append(0) }
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            pending.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
        pending.withUnsafeBytes { compress.blocks($0) }
        let text = compress.words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }
        return text.joined()
    }

    static func id(of bytes: [UInt8], digits: Int) -> String {
        var hash = BlobHash(digits: digits, size: bytes.count)
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.finish()
    }
}

private enum Compression {
    case sha1(SHA1Words)
    case sha256(SHA256Words)

    mutating func blocks(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .sha1(var words):
            words.blocks(bytes)
            self = .sha1(words)
        case .sha256(var words):
            words.blocks(bytes)
            self = .sha256(words)
        }
    }

    var words: [UInt32] {
        switch self {
        case .sha1(let words): [words.a, words.b, words.c, words.d, words.e]
        case .sha256(let words): words.state
        }
    }
}

private func rotateLeft(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }

/// The five chaining words of SHA-1 (FIPS 180-4, section 6.1).
private struct SHA1Words {
    var a: UInt32 = 0x6745_2301
    var b: UInt32 = 0xEFCD_AB89
    var c: UInt32 = 0x98BA_DCFE
    var d: UInt32 = 0x1032_5476
    var e: UInt32 = 0xC3D2_E1F0

    mutating func blocks(_ bytes: UnsafeRawBufferPointer) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { schedule in
            for start in stride(from: 0, to: bytes.count, by: 64) { block(bytes, at: start, schedule) }
        }
    }

    private mutating func block(
        _ bytes: UnsafeRawBufferPointer, at start: Int, _ schedule: UnsafeMutableBufferPointer<UInt32>
    ) {
        for i in 0..<16 {
            schedule[i] = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: start &+ i &* 4, as: UInt32.self))
        }
        for i in 16..<80 {
            schedule[i] = rotateLeft(
                schedule[i &- 3] ^ schedule[i &- 8] ^ schedule[i &- 14] ^ schedule[i &- 16], 1)
        }
        let before = self
        for i in 0..<20 { turn((b & c) | (~b & d), 0x5A82_7999, schedule[i]) }
        for i in 20..<40 { turn(b ^ c ^ d, 0x6ED9_EBA1, schedule[i]) }
        for i in 40..<60 { turn((b & c) | (b & d) | (c & d), 0x8F1B_BCDC, schedule[i]) }
        for i in 60..<80 { turn(b ^ c ^ d, 0xCA62_C1D6, schedule[i]) }
        a = a &+ before.a
        b = b &+ before.b
        c = c &+ before.c
        d = d &+ before.d
        e = e &+ before.e
    }

    @inline(__always)
    private mutating func turn(_ mixed: UInt32, _ constant: UInt32, _ word: UInt32) {
        let next = rotateLeft(a, 5) &+ mixed &+ e &+ constant &+ word
        e = d
        d = c
        c = rotateLeft(b, 30)
        b = a
        a = next
    }
}

/// The eight chaining words of SHA-256 (FIPS 180-4, section 6.2).
private struct SHA256Words {
    var state: [UInt32] = [
        0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
    ]

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = [
        0x428A_2F98, 0x7137_4491, 0xB5C0_FBCF, 0xE9B5_DBA5, 0x3956_C25B, 0x59F1_11F1, 0x923F_82A4, 0xAB1C_5ED5,
        0xD807_AA98, 0x1283_5B01, 0x2431_85BE, 0x550C_7DC3, 0x72BE_5D74, 0x80DE_B1FE, 0x9BDC_06A7, 0xC19B_F174,
        0xE49B_69C1, 0xEFBE_4786, 0x0FC1_9DC6, 0x240C_A1CC, 0x2DE9_2C6F, 0x4A74_84AA, 0x5CB0_A9DC, 0x76F9_88DA,
        0x983E_5152, 0xA831_C66D, 0xB003_27C8, 0xBF59_7FC7, 0xC6E0_0BF3, 0xD5A7_9147, 0x06CA_6351, 0x1429_2967,
        0x27B7_0A85, 0x2E1B_2138, 0x4D2C_6DFC, 0x5338_0D13, 0x650A_7354, 0x766A_0ABB, 0x81C2_C92E, 0x9272_2C85,
        0xA2BF_E8A1, 0xA81A_664B, 0xC24B_8B70, 0xC76C_51A3, 0xD192_E819, 0xD699_0624, 0xF40E_3585, 0x106A_A070,
        0x19A4_C116, 0x1E37_6C08, 0x2748_774C, 0x34B0_BCB5, 0x391C_0CB3, 0x4ED8_AA4A, 0x5B9C_CA4F, 0x682E_6FF3,
        0x748F_82EE, 0x78A5_636F, 0x84C8_7814, 0x8CC7_0208, 0x90BE_FFFA, 0xA450_6CEB, 0xBEF9_A3F7, 0xC671_78F2,
    ]

    mutating func blocks(_ bytes: UnsafeRawBufferPointer) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
            for start in stride(from: 0, to: bytes.count, by: 64) {
                fill(schedule, bytes, at: start)
                block(schedule)
            }
        }
    }

    private func fill(
        _ schedule: UnsafeMutableBufferPointer<UInt32>, _ bytes: UnsafeRawBufferPointer, at start: Int
    ) {
        for i in 0..<16 {
            schedule[i] = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: start &+ i &* 4, as: UInt32.self))
        }
        for i in 16..<64 {
            let x = schedule[i &- 15]
            let y = schedule[i &- 2]
            let low = rotateLeft(x, 25) ^ rotateLeft(x, 14) ^ (x >> 3)
            let high = rotateLeft(y, 15) ^ rotateLeft(y, 13) ^ (y >> 10)
            schedule[i] = schedule[i &- 16] &+ low &+ schedule[i &- 7] &+ high
        }
    }

    private mutating func block(_ schedule: UnsafeMutableBufferPointer<UInt32>) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for i in 0..<64 {
            let high = rotateLeft(e, 26) ^ rotateLeft(e, 21) ^ rotateLeft(e, 7)
            let first = h &+ high &+ ((e & f) ^ (~e & g)) &+ Self.constants[i] &+ schedule[i]
            let low = rotateLeft(a, 30) ^ rotateLeft(a, 19) ^ rotateLeft(a, 10)
            let second = low &+ ((a & b) ^ (a & c) ^ (b & c))
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ second)
        }
        for (i, word) in [a, b, c, d, e, f, g, h].enumerated() { state[i] = state[i] &+ word }
    }
}
