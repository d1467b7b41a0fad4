import Primitives

/// The commit that a hub's fence points to: who pushed last, under which token, what. Its parent is the fence before,
/// so the fence is a log of all pushes and only goes forward. The nonce makes the commits of two devices differ: with
/// equal ones the second would read "up to date" and believe that it had won.
struct FenceCommit: Hashable, Sendable {
    var mesh: MeshID
    var token: FencingToken
    var sequence: UInt64
    var device: DeviceID
    var nonce: String
    /// What the branch was made.
    var mirrored: Revision?

    init(
        mesh: MeshID, token: FencingToken, sequence: UInt64, device: DeviceID, mirrored: Revision?,
        nonce: String = Self.freshNonce()
    ) {
        self.mesh = mesh
        self.token = token
        self.sequence = sequence
        self.device = device
        self.nonce = nonce
        self.mirrored = mirrored
    }

    /// Nil for a commit that is no fence of ours.
    init?(_ record: CommitRecord) {
        func value(_ name: String) -> String? {
            let values = record.trailers(name)
            return values.count == 1 ? values[0] : nil
        }
        guard let mesh = value("Baton-Mesh").flatMap({ MeshID(hex: $0) }),
            let token = value("Baton-Token").flatMap({ FencingToken($0) }),
            let sequence = value("Baton-Sequence").flatMap({ UInt64($0) }), sequence < Limits.largestNumber,
            token.epoch < Limits.largestNumber, token.counter < Limits.largestNumber,
            let device = value("Baton-Device").flatMap({ DeviceID(hex: $0) }), let nonce = value("Baton-Nonce")
        else { return nil }
        self.mesh = mesh
        self.token = token
        self.sequence = sequence
        self.device = device
        self.nonce = nonce
        mirrored = value("Baton-Mirrored").flatMap { Revision(hex: $0) }
    }

    func message(_ title: String) -> String {
        var text = """
            \(title)

            Baton-Mesh: \(mesh)
            Baton-Token: \(token)
            Baton-Sequence: \(sequence)
            Baton-Device: \(device)
            Baton-Nonce: \(nonce)

            """
        if let mirrored { text += "Baton-Mirrored: \(mirrored.hex)\n" }
        return text
    }

    func fence(at revision: Revision) -> HubFence {
        HubFence(revision: revision, token: token, sequence: sequence, device: device, mirrored: mirrored)
    }

    static func freshNonce() -> String {
        var generator = SystemRandomNumberGenerator()
        return Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }
}
