import Glibc
import Primitives

/// What has to be asked about before it leaves this device. A path that a gate holds back is listed, and everything
/// else goes on.
package struct CaptureGates: Hashable, Sendable {
    /// A new file above this is held.
    package var newFileBytes: Int64 = 10 << 20
    /// More new files than this in one capture are held, folder by folder.
    var newFiles = Limits.newFilesAtOnce
    /// Files that look like a secret are held, and changes that bring one in.
    package var holdsSecrets = true
    /// What every member can hold.
    package var names = NameLimits()
    /// Let through by the user, by path.
    package var allowed: Set<[UInt8]> = []

    package init() {}
}

/// What the file system of some member cannot hold.
package struct NameLimits: Hashable, Sendable {
    /// `a` and `A` are one name there.
    package var ignoresCase = false
    /// Names that differ only in how their letters are composed are one there.
    package var composesUnicode = false
    /// Windows: reserved names, characters and endings.
    package var isWindows = false

    package init() {}

    /// By the words of `names.limits`; others are passed over.
    package init(words: [String]) {
        ignoresCase = words.contains("case")
        composesUnicode = words.contains("unicode")
        isWindows = words.contains("windows")
    }

    package var words: [String] {
        [(ignoresCase, "case"), (composesUnicode, "unicode"), (isWindows, "windows")].filter(\.0).map(\.1)
    }

    /// What the file system of a folder of ours cannot hold, by a file made there. What cannot be asked is no limit.
    static func probe(_ folder: String) -> NameLimits {
        var limits = NameLimits()
        let name = "probe-A\u{E9}"
        let file = open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return limits }
        close(file)
        limits.ignoresCase = access("\(folder)/probe-a\u{E9}", F_OK) == 0
        limits.composesUnicode = access("\(folder)/probe-Ae\u{301}", F_OK) == 0
        unlink("\(folder)/\(name)")
        return limits
    }

    /// Whether two names can be one.
    var folds: Bool { ignoresCase || composesUnicode }

    /// Why another member could not hold a new name, beside those that are there.
    /// - Parameter scan: names that this scan did not see are gone, and in nobody's way.
    func refusal(_ name: Name, in folder: Folder, scan: UInt32) -> String? {
        if isWindows, let reason = Self.windowsRefusal(name.bytes) { return reason }
        guard folds else { return nil }
        let wanted = fold(name)
        let files = folder.files.filter { $0.value.scan == scan }.map(\.key)
        let others = [files, folder.folders.filter { $0.value.scan == scan }.map(\.key)].joined()
        guard let twin = others.filter({ $0 != name && fold($0) == wanted }).min(by: { $0.isBefore($1) }) else {
            return nil
        }
        return "it is one name with \(String(decoding: twin.bytes, as: UTF8.self)) there"
    }

    /// Swift compares strings by what they look like, however their letters are composed.
    func fold(_ name: Name) -> String {
        let text = String(decoding: name.bytes, as: UTF8.self)
        return ignoresCase ? text.lowercased() : text
    }

    private static let devices = ["con", "prn", "aux", "nul"] + (1...9).flatMap { ["com\($0)", "lpt\($0)"] }

    private static func windowsRefusal(_ name: [UInt8]) -> String? {
        let text = String(decoding: name, as: UTF8.self)
        let stem = text.prefix { $0 != "." }.lowercased()
        if devices.contains(stem) { return "\(stem) is a device on Windows" }
        if let last = name.last, last == 32 || last == 46 { return "Windows drops the last character of its name" }
        let isOdd = name.contains { $0 < 32 || Array("<>:\"|?*\\".utf8).contains($0) }
        return isOdd ? "Windows has no such character in names" : nil
    }
}

extension Name {
    func isBefore(_ other: Name) -> Bool { bytes.lexicographicallyPrecedes(other.bytes) }
}

/// Whether a file is likely to hold a secret: by its name, or by the shape of keys and tokens in it.
enum SecretSigns {
    /// Files above this are not looked into.
    static let bytes = 1 << 20

    static func byName(_ path: [UInt8]) -> String? {
        let name = String(decoding: path.split(separator: 47).last ?? [], as: UTF8.self)
        if name == ".env" || name.hasPrefix(".env.") {
            let harmless = [".example", ".sample", ".template", ".dist", ".defaults"]
            return harmless.contains { name.hasSuffix($0) } ? nil : "settings of an environment"
        }
        switch name {
        case "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519": return "a private key"
        case ".netrc", ".pgpass", ".git-credentials": return "passwords"
        default: return nil
        }
    }

    private static let tokens: [(prefix: String, length: Int, what: String)] = [
        ("AKIA", 16, "an access key of AWS"), ("ghp_", 36, "a token of GitHub"),
        ("github_pat_", 40, "a token of GitHub"), ("xoxb-", 20, "a token of Slack"), ("xoxp-", 20, "a token of Slack"),
        ("sk_live_", 24, "a key of Stripe"), ("AIza", 35, "a key of Google"), ("glpat-", 20, "a token of GitLab"),
    ]

    static func byContents(_ bytes: [UInt8]) -> String? {
        guard bytes.count <= Self.bytes else { return nil }
        if hasPrivateKey(bytes) { return "a private key" }
        for token in tokens {
            let prefix = Array(token.prefix.utf8)
            var start = 0
            while let found = place(of: prefix, in: bytes, from: start) {
                start = found + prefix.count
                let isInside = found > 0 && isWord(bytes[found - 1])
                let run = bytes[start...].prefix(token.length + 1).prefix { isWord($0) }.count
                if !isInside, run >= token.length { return token.what }
            }
        }
        return nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 || byte == 45
    }

    /// The marker alone stands in many a source; with a key behind it, it does not.
    private static func hasPrivateKey(_ bytes: [UInt8]) -> Bool {
        let marker = Array("PRIVATE KEY-----".utf8)
        var start = 0
        while let found = place(of: marker, in: bytes, from: start) {
            start = found + marker.count
            let letters = bytes[start...].prefix(80).drop { $0 == 10 || $0 == 13 || $0 == 92 || $0 == 110 || $0 == 32 }
            let run = letters.prefix { isWord($0) || $0 == 43 || $0 == 47 }.count
            if run >= 40 { return true }
        }
        return false
    }

    private static func place(of needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard let first = needle.first else { return nil }
        return bytes.withUnsafeBytes { hay in
            var start = start
            while let base = hay.baseAddress, start + needle.count <= hay.count {
                guard let found = memchr(base + start, Int32(first), hay.count - needle.count - start + 1) else {
                    break
                }
                let place = UnsafeRawPointer(found) - base
                if memcmp(base + place, needle, needle.count) == 0 { return place }
                start = place + 1
            }
            return nil
        }
    }
}
