#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Three members of etcd on loopback with mutual TLS, heartbeat and election times as of the lan profile, asked with
/// curl over the JSON gateway that etcd serves beside its own protocol.
actor EtcdMesh {
    enum Role: String, Sendable { case leader, follower }

    struct Member: Sendable {
        let name: String
        let client: String
        let peer: String
    }

    private let directory: String
    private let members: [Member]
    private var running: [Int: DemoChild] = [:]
    private var questions = 0

    init(root: String) {
        directory = root + "/etcd"
        // A range of ports of this process's own, below the ones that the system gives out.
        let base = 20_000 + Int(getpid()) % 2000 * 6
        members = (0..<3).map { place in
            Member(
                name: "m\(place)", client: "https://127.0.0.1:\(base + 2 * place)",
                peer: "https://127.0.0.1:\(base + 2 * place + 1)")
        }
    }

    /// The first program that is not here; nil if all are.
    static var missing: String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return ["etcd", "curl", "openssl"].first { name in
            !path.split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
        }
    }

    private static let certificates = """
        set -e; cd "$1"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench-authority \
            -keyout authority.key -out authority.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=bench -keyout node.key -out node.csr
        printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' >extensions
        openssl x509 -req -in node.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
            -extfile extensions -out node.pem
        """

    func start() async throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let child = try DemoChild.start(
            ["/usr/bin/env", "sh", "-c", Self.certificates, "certificates", directory], environment: [:],
            words: directory + "/certificates")
        let ended = try await child.end(within: .seconds(30))
        guard ended.status == 0 else { throw DemoFailure("openssl made no certificates: \(ended.complaint)") }
        for place in members.indices { try startMember(place) }
        _ = try await leader()
    }

    private func startMember(_ place: Int) throws {
        let member = members[place]
        let cluster = members.map { "\($0.name)=\($0.peer)" }.joined(separator: ",")
        let (node, key, authority) = ("\(directory)/node.pem", "\(directory)/node.key", "\(directory)/authority.pem")
        running[place] = try DemoChild.start(
            [
                "/usr/bin/env", "etcd", "--name", member.name, "--data-dir", "\(directory)/\(member.name)",
                "--listen-client-urls", member.client, "--advertise-client-urls", member.client,
                "--listen-peer-urls", member.peer, "--initial-advertise-peer-urls", member.peer,
                "--initial-cluster", cluster, "--initial-cluster-state", "new", "--initial-cluster-token", "bench",
                "--cert-file", node, "--key-file", key, "--trusted-ca-file", authority, "--client-cert-auth",
                "--peer-cert-file", node, "--peer-key-file", key, "--peer-trusted-ca-file", authority,
                "--peer-client-cert-auth", "--heartbeat-interval", "100", "--election-timeout", "1000",
                "--logger", "zap", "--log-level", "error",
            ], environment: [:], words: "\(directory)/\(member.name).log")
    }

    func kill(_ place: Int) async {
        guard let child = running.removeValue(forKey: place) else { return }
        Signal.kill(child.pid)
        // It was killed: how it ended is known.
        _ = try? await child.end(within: .seconds(5))
    }

    func restart(_ place: Int) async throws {
        try startMember(place)
        _ = try await leader()
    }

    func end() async {
        for place in members.indices { await kill(place) }
    }

    /// The processes, once they agree on a leader.
    func pids() async throws -> [(pid: Int32, isLeader: Bool)] {
        let leader = try await leader()
        return running.sorted { $0.key < $1.key }.map { ($0.value.pid, $0.key == leader) }
    }

    func url(of place: Int) -> String { members[place].client }
    var everyone: Range<Int> { members.indices }

    // MARK: Questions

    struct Status: Decodable, Sendable {
        struct Header: Decodable, Sendable {
            enum CodingKeys: String, CodingKey { case member = "member_id" }
            var member: String
        }
        var header: Header
        var leader: String?
    }

    func status(_ place: Int) async throws -> Status {
        try await ask(place, "maintenance/status", "{}", as: Status.self)
    }

    /// The member that leads, once all that run say so.
    func leader() async throws -> Int {
        let watch = Stopwatch()
        while watch.elapsed < .seconds(30) {
            var reports: [Int: Status] = [:]
            for place in members.indices where running[place] != nil {
                // One that is not up yet is asked again.
                reports[place] = try? await status(place)
            }
            let leaders = Set(reports.values.map { $0.leader ?? "0" })
            if reports.count == running.count, leaders.count == 1,
                let leader = reports.first(where: { leaders.contains($0.value.header.member) })
            {
                return leader.key
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw DemoFailure("the members of etcd agree on no leader (see \(directory))")
    }

    func ask<Reply: Decodable & Sendable>(
        _ place: Int, _ call: String, _ body: String, as: Reply.Type, within limit: Duration = .seconds(20)
    ) async throws -> Reply {
        let ended = try await begin(place, call, body).end(within: limit)
        guard ended.status == 0, let reply = try? JSONDecoder().decode(Reply.self, from: Data(ended.output.utf8)) else {
            throw DemoFailure("etcd answers \(call) with \(ended.output)\(ended.errors)")
        }
        return reply
    }

    /// One question as a process under way.
    func begin(_ place: Int, _ call: String, _ body: String) throws -> DemoChild {
        let url = "\(members[place].client)/v3/\(call)"
        return try curl(["--silent", "--show-error", "--max-time", "15", "--data", body, url] + credentials)
    }

    func curl(_ arguments: [String]) throws -> DemoChild {
        questions += 1
        return try DemoChild.start(
            ["/usr/bin/env", "curl"] + arguments, environment: [:], words: "\(directory)/question-\(questions % 100)")
    }

    var credentials: [String] {
        [
            "--cacert", "\(directory)/authority.pem", "--cert", "\(directory)/node.pem", "--key",
            "\(directory)/node.key",
        ]
    }

    func write(_ text: String, as name: String) throws -> String {
        let path = "\(directory)/\(name)"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }
}
