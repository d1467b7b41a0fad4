/// Where the hub is and which branch of it is kept in step: what is checked before anything goes into the log.
///
/// A hub's address is the same on every device and everybody in the mesh can read it. So it carries no secret, and
/// names no transport that would run a command.
public struct HubAddress: Hashable, Sendable, CustomStringConvertible {
    public let url: String
    /// Without `refs/heads/`.
    public let branch: String
    public let transport: HubTransport

    public init(url: some StringProtocol, branch: some StringProtocol) throws(HubAddressFault) {
        let (url, branch) = (String(url), String(branch))
        guard (1...Limits.hubURLBytes).contains(url.utf8.count) else { throw .length }
        guard url.utf8.allSatisfy({ (33...126).contains($0) }), !url.hasPrefix("-") else { throw .characters }
        transport = try Self.transport(of: url)
        guard Self.isBranch(branch) else { throw .branch }
        self.url = url
        self.branch = branch
    }

    public var description: String { "\(url) \(branch)" }

    private static func transport(of url: String) throws(HubAddressFault) -> HubTransport {
        if url.hasPrefix("/") { return .file }
        guard let mark = firstRange(of: "://", in: url) else { return try transport(ofShort: url) }
        guard let transport = HubTransport(rawValue: String(url[..<mark.lowerBound])) else { throw .transport }
        let rest = url[mark.upperBound...]
        if transport == .file {
            guard rest.hasPrefix("/") else { throw .transport }
            return .file
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.isEmpty else { throw .transport }
        if transport == .http || transport == .https {
            guard !rest.contains("?"), !rest.contains("#") else { throw .secret }
        }
        if let at = authority.lastIndex(of: "@") { try check(user: authority[..<at], transport) }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        guard !host.isEmpty, !host.hasPrefix("-") else { throw .transport }
        return transport
    }

    /// `user@host:path`, as ssh takes it.
    private static func transport(ofShort url: String) throws(HubAddressFault) -> HubTransport {
        guard let colon = url.firstIndex(of: ":"), !url[..<colon].contains("/"), colon != url.startIndex else {
            throw .transport
        }
        // `ext::command` and its like name a helper that runs what it is told.
        guard !url[colon...].hasPrefix("::"), url.index(after: colon) != url.endIndex else { throw .transport }
        let host = url[..<colon].split(separator: "@", omittingEmptySubsequences: false)
        guard host.count <= 2, host.allSatisfy({ !$0.isEmpty && !$0.hasPrefix("-") }) else { throw .transport }
        return .ssh
    }

    /// A name may stand there; what proves it may not. Hosts take tokens as names too.
    private static func check(
        user: some StringProtocol, _ transport: HubTransport
    ) throws(HubAddressFault) {
        guard !user.contains(":") else { throw .secret }
        guard !user.isEmpty, !user.hasPrefix("-") else { throw .transport }
        guard transport == .http || transport == .https else { return }
        let marks = ["ghp_", "gho_", "ghu_", "ghs_", "github_pat_", "glpat-", "x-token-auth", "x-oauth-basic"]
        let isLikeSecret = user.utf8.count > Limits.hubUserBytes || marks.contains { user.hasPrefix($0) }
        if isLikeSecret { throw .secret }
    }

    private static func firstRange(of mark: String, in text: String) -> Range<String.Index>? {
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(mark) { return start..<text.index(start, offsetBy: mark.count) }
            start = text.index(after: start)
        }
        return nil
    }

    /// What `git check-ref-format --branch` lets through, in ASCII and a little stricter.
    private static func isBranch(_ name: String) -> Bool {
        guard (1...Limits.branchBytes).contains(name.utf8.count) else { return false }
        let forbidden = Array("~^:?*[\\\"'`".utf8)
        guard name.utf8.allSatisfy({ (33...126).contains($0) && !forbidden.contains($0) }) else { return false }
        guard !name.hasPrefix("-"), !name.hasPrefix("refs/"), name != "HEAD", name != "@" else { return false }
        let bytes = Array(name.utf8)
        let pairs = zip(bytes, bytes.dropFirst())
        guard !pairs.contains(where: { $0 == (46, 46) || $0 == (64, 123) }) else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && !part.hasPrefix(".") && !part.hasSuffix(".") && !part.hasSuffix(".lock")
        }
    }
}

/// How a hub is reached; git may use this one and no other.
public enum HubTransport: String, Hashable, Sendable, CaseIterable {
    case file, git, http, https, ssh
}

/// Why something is no address of a hub.
public enum HubAddressFault: Error, Hashable, Sendable {
    case length
    /// A space, a control character or something beyond ASCII, or it begins like an option.
    case characters
    /// No transport that is allowed, or nothing behind it.
    case transport
    /// A password or a token stands in it.
    case secret
    case branch

    public var message: String {
        switch self {
        case .length: "a hub's URL has 1 to \(Limits.hubURLBytes) bytes"
        case .characters: "this URL has a space or a character that no URL has"
        case .transport: "this is no URL that a hub can have"
        case .secret: "this URL has a password or a token in it; every device of the mesh could read it"
        case .branch: "this is no name of a branch"
        }
    }

    public var hint: String {
        switch self {
        case .length, .characters, .transport:
            "use https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH, git://HOST/PATH or an absolute path"
        case .secret:
            "leave it out and store it with git's credential helper on each device: git config --global "
                + "credential.helper store (or osxkeychain, libsecret), then one git ls-remote URL"
        case .branch: "name a branch, for instance: baton hub add URL --branch main"
        }
    }
}
