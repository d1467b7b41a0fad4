/// What must never be in the repository, in whatever file.
extension Rule {
    static let repository: [Rule] = [machinePaths, secretKeys, hosts]

    static let machinePaths = Rule(
        name: "no path of a machine",
        why: "a path of the machine it was written on works on no other, and tells about it"
    ) { tree in
        tree.eachLine { line in
            let roots = ["/wo" + "rk/", "/ro" + "ot/", "/Us" + "ers/", "/ho" + "me/"]
            return roots.first { line.holdsPath(below: $0) }.map { "a path below `\($0)`" }
        }
    }

    static let secretKeys = Rule(
        name: "no secret keys", why: "what was pushed once is public for ever: keys are made when they are needed"
    ) { tree in
        tree.eachLine { line in
            let isKey = line.place(of: "-----BEGIN ") != nil && line.place(of: "PRIVATE " + "KEY-----") != nil
            return isKey ? "a secret key" : nil
        }
    }

    /// Where our words, our packages and our sources come from.
    static let knownHosts = [
        "github.com", "raft.github.io", "swift.org", "www.swift.org", "docs.swift.org", "git-scm.com", "sqlite.org",
        "www.sqlite.org", "www.rfc-editor.org", "datatracker.ietf.org", "web.stanford.edu", "dl.acm.org", "jepsen.io",
        "opensource.org", "man7.org", "127.0.0.1", "localhost", "json-schema.org", "www.apple.com",
    ]

    static let hosts = Rule(
        name: "only known hosts",
        why: "a package, a proxy or a registry from a host that others cannot reach breaks every clone but ours"
    ) { tree in
        tree.eachLine { line in
            line.hosts.first { host in
                !knownHosts.contains(host)
                    && ![".example", ".test", ".invalid", "example.com", "example.org"]
                        .contains(where: host.hasSuffix)
            }.map { "a host that is not on the list: `\($0)`" }
        }
    }
}

extension SourceTree {
    fileprivate func eachLine(_ complaint: (Substring) -> String?) -> [Violation] {
        texts.flatMap { file in
            file.lines.enumerated().compactMap { at, line in
                complaint(line).map { Violation(path: file.path, line: at + 1, what: $0) }
            }
        }
    }
}

extension Substring {
    /// An absolute path: nothing of a path or a variable stands before it, and something follows.
    fileprivate func holdsPath(below root: String) -> Bool {
        guard utf8.contains(UInt8(ascii: "/")), let found = range(of: root) else { return false }
        let before = self[..<found.lowerBound].last
        if let before, before.isWordPart || ".~})*/$-".contains(before) { return false }
        // Names that stand for anybody.
        let name = self[found.upperBound...].prefix { $0.isWordPart }
        return !name.isEmpty && !["ann", "bob", "alice", "you", "user", "me"].contains(String(name))
    }

    /// The hosts of the URLs in this line, without port.
    fileprivate var hosts: [String] {
        var found: [String] = []
        var rest = self
        while let scheme = rest.place(of: "://") {
            let isWeb = rest[..<scheme.lowerBound].hasSuffix("http") || rest[..<scheme.lowerBound].hasSuffix("https")
            rest = rest[scheme.upperBound...]
            let host = rest.prefix { $0.isWordPart || $0 == "." || $0 == "-" }
            if isWeb, host.contains(".") { found.append(String(host).lowercased()) }
        }
        return found
    }
}
