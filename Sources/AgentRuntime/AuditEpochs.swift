import DeviceCore
import Primitives

extension AuditTrail {
    /// Who recovered the mesh without whom; who joined whose epoch; who does not hear whom.
    func note(_ event: EpochEvent) {
        switch event {
        case .recovered(let record, let lost):
            let without = lost.map(name(of:)).joined(separator: ", ")
            add(
                "recovered",
                "\(name(of: record.founder)) recovered the mesh: epoch \(record.epoch)"
                    + (without.isEmpty ? "" : ", without \(without)"),
                about: record.founder,
                details: [
                    "epoch": "\(record.epoch)", "parent": "\(record.parent)", "head": record.head?.hex ?? "",
                    "lost": lost.map(\.description).joined(separator: " "),
                ])
        case .rejoined(let from, let to, let peer):
            add(
                "rejoined", "left epoch \(from) for epoch \(to), heard of \(name(of: peer))",
                details: ["from": "\(from)", "to": "\(to)", "by": peer.description])
        case .unheard(let peer, let theirs):
            logger.trace("another epoch", metadata: ["peer": "\(name(of: peer))", "epoch": "\(theirs)"])
        case .rival(let peer, let theirs, let ours):
            add(
                "rival-epoch",
                "\(name(of: peer)) is in epoch \(theirs), and this device in epoch \(ours): both were recovered, and "
                    + "neither hears the other. On the one that is to go on: baton recover --force",
                about: peer, details: ["ours": "\(ours)", "theirs": "\(theirs)"])
        case .grounded(let base, let wasStray):
            guard wasStray else { return logger.debug("base settled") }
            add(
                "grounded",
                base.map { "rounds that the recovery left out are changes again, since \($0.short)" }
                    ?? "no round is in common with the recovered mesh: all files are merged",
                details: ["base": base?.hex ?? ""])
        case .groundingFailed(let why):
            logger.warning("the last round in common was not found", metadata: ["reason": "\(why)"])
        }
    }
}
