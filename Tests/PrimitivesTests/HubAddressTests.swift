import Primitives
import Testing

@Suite struct HubAddressTests {
    @Test(arguments: [
        ("https://git.example/notes.git", HubTransport.https), ("https://alice@git.example:8443/notes", .https),
        ("http://127.0.0.1:8080/notes.git", .http), ("ssh://git@nas:2222/srv/notes.git", .ssh),
        ("git@github.com:me/notes.git", .ssh), ("nas:notes.git", .ssh), ("git://nas/notes.git", .git),
        ("/srv/git/notes.git", .file), ("file:///srv/git/notes.git", .file),
    ])
    func whatReachesAHubIsTaken(url: String, transport: HubTransport) throws {
        #expect(try HubAddress(url: url, branch: "main").transport == transport)
    }

    @Test(arguments: [
        ("https://alice:secret@git.example/notes.git", HubAddressFault.secret),
        ("ssh://git:secret@nas/notes.git", .secret), ("https://ghp_0123456789abcdef@github.com/me/notes", .secret),
        ("https://0123456789012345678901234567890123456789@git.example/n", .secret),
        ("https://git.example/notes.git?private_token=abc", .secret), ("ext::sh -c touch% /tmp/x", .characters),
        ("ext::sh", .transport), ("fd::3", .transport), ("--upload-pack=x", .characters),
        ("ftp://nas/notes", .transport),
        ("ssh://-oProxyCommand=x/notes", .transport), ("git@-oProxyCommand=x:notes", .transport),
        ("notes.git", .transport), ("./notes.git", .transport), ("https://", .transport), ("", .length),
        ("https://git.example/no tes", .characters), ("https://git.example/\u{1B}[2J", .characters),
        ("https://" + String(repeating: "a", count: 1024), .length),
    ])
    func secretsAndCommandsAreRefused(url: String, fault: HubAddressFault) {
        #expect(throws: fault) { try HubAddress(url: url, branch: "main") }
    }

    @Test(arguments: [
        "", "-x", "a..b", "a b", "refs/heads/main", "HEAD", "a.lock", "/a", "a/", "a//b", ".a", "a~1", "@{u}",
    ])
    func whatIsNoBranchIsRefused(name: String) {
        #expect(throws: HubAddressFault.branch) { try HubAddress(url: "/srv/notes.git", branch: name) }
    }

    @Test(arguments: ["main", "team/notes", "v1.2", "a-b_c", "feature#1"])
    func branchesAreTaken(name: String) throws {
        #expect(try HubAddress(url: "/srv/notes.git", branch: name).branch == name)
    }
}
