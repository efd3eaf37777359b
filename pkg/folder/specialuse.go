package folder

import (
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// specialUses are the attributes of RFC 6154 that make a folder the one of its
// kind.
var specialUses = []string{`\Sent`, `\Drafts`, `\Trash`, `\Junk`, `\Archive`, `\All`, `\Flagged`, `\Important`}

// specialNames are what servers and clients call such folders where no
// attribute tells them, the likeliest first. What two kinds are called by, as
// some languages do, is in neither list.
var specialNames = map[string][]string{
	`\Sent`: {
		"Sent", "Sent Items", "Sent Messages", "Sent Mail", "sent-mail", "Sent Objects", "SentMail", // en
		// de
		"Gesendet", "Gesendete Objekte", "Gesendete Elemente", "Gesendete Nachrichten", "Gesendete E-Mails",
		"Postausgang gesendet",
		"Envoyés", "Éléments envoyés", "Messages envoyés", "Courrier envoyé", "Objets envoyés", // fr
		"Enviados", "Elementos enviados", "Mensajes enviados", "Correo enviado", // es
		"Posta inviata", "Inviati", "Inviata", "Messaggi inviati", // it
		"Verzonden", "Verzonden items", "Verzonden berichten", "Verstuurd", // nl
		"Itens enviados", "Mensagens enviadas", "Enviadas", "E-mails enviados", // pt
		"Wysłane", "Elementy wysłane", "Wiadomości wysłane", // pl
		"Отправленные", "Отправленные элементы", // ru
		"Надіслані", "Відправлені", // uk
		"Skickat", "Skickade", "Skickade objekt", "Skickade meddelanden", // sv
		"Sendt", "Sendt post", "Sendte elementer", "Sendte e-mails", // da, no
		"Lähetetyt", "Lähetetyt viestit", // fi
		"Odeslané", "Odeslaná pošta", "Odeslané zprávy", // cs
		"Odoslané", "Odoslaná pošta", // sk
		"Elküldött", "Elküldött elemek", "Elküldött üzenetek", // hu
		"Gönderilmiş Öğeler", "Gönderilen Postalar", "Gönderilenler", // tr
		"Απεσταλμένα",                            // el
		"送信済み", "送信済みアイテム", "送信済みメール", "送信済みトレイ", // ja
		"已发送", "已发送邮件", "已发邮件", "寄件備份", "已傳送", // zh
		"보낸편지함", "보낸 편지함", "보낸 메일함", "보낸메일함", // ko
	},
	`\Drafts`: {
		"Drafts", "Draft", // en
		"Entwürfe",                // de
		"Brouillons", "Brouillon", // fr
		"Borradores", "Borrador", // es
		"Bozze", "Bozza", // it
		"Concepten",             // nl
		"Rascunhos", "Rascunho", // pt
		"Kopie robocze", "Wersje robocze", "Szkice", // pl
		"Черновики",             // ru
		"Чернетки",              // uk
		"Utkast",                // sv, no
		"Kladder",               // da
		"Luonnokset",            // fi
		"Koncepty", "Rozepsané", // cs, sk
		"Piszkozatok",      // hu
		"Taslaklar",        // tr
		"Πρόχειρα",         // el
		"下書き",              // ja
		"草稿", "草稿箱", "草稿匣", // zh
		"임시보관함", "임시 보관함", "임시 보관", // ko
	},
	`\Trash`: {
		"Trash", "Deleted Items", "Deleted Messages", "Deleted", "Bin", "Deleted Objects", // en
		"Papierkorb", "Gelöscht", "Gelöschte Elemente", "Gelöschte Objekte", "Gelöschte Nachrichten", // de
		"Corbeille", "Éléments supprimés", "Messages supprimés", "Objets supprimés", // fr
		"Papelera", "Elementos eliminados", "Papelera de reciclaje", "Eliminados", // es
		"Cestino", "Posta eliminata", "Elementi eliminati", // it
		"Prullenbak", "Verwijderde items", "Verwijderde berichten", "Verwijderd", // nl
		"Lixo", "Lixeira", "Itens excluídos", "Itens eliminados", "Reciclagem", // pt
		"Kosz", "Elementy usunięte", "Usunięte", // pl
		"Корзина", "Удаленные", "Удалённые", "Удаленные элементы", // ru
		"Кошик", "Видалені", // uk
		"Papperskorgen", "Papperskorg", "Borttaget", "Borttagna objekt", // sv
		"Papirkurv", "Slettet post", "Slettede elementer", "Papirkorg", "Søppelkurv", // da, no
		"Roskakori", "Poistetut", // fi
		"Koš", "Odstraněná pošta", // cs
		"Kôš", "Odstránená pošta", // sk
		"Lomtár", "Törölt elemek", "Kuka", // hu
		"Çöp Kutusu", "Çöp", "Silinmiş Öğeler", // tr
		"Κάδος", "Διαγραμμένα", // el
		"ゴミ箱", "ごみ箱", "削除済みアイテム", "削除済み", // ja
		"已删除", "已删除邮件", "已刪除", "回收站", // zh
		"휴지통", "지운편지함", "지운 편지함", "삭제된 편지함", // ko
	},
	`\Junk`: {
		"Junk", "Spam", "Junk E-mail", "Junk Email", "Junk Mail", "Junk E-Mails", "Bulk Mail", "Bulk", // en
		"Spamverdacht", "Unerwünscht", "Werbung", "Junk-E-Mail", // de
		"Indésirables", "Courrier indésirable", "Pourriel", "Pourriels", // fr
		"Correo no deseado", "Correo basura", // es
		"Posta indesiderata", "Indesiderata", // it
		"Ongewenst", "Ongewenste e-mail", "Ongewenste reclame", // nl
		"Lixo eletrônico", "Correio eletrónico não solicitado", "Correio de lixo", "Lixo eletrónico", // pt
		"Wiadomości-śmieci", "Niechciane", // pl
		"Спам", "Нежелательная почта", // ru, uk
		"Skräppost",                                                                      // sv
		"Uønsket e-mail", "Uønsket post", "Uønsket mail", "Søppelpost", "Uønsket e-post", // da, no
		"Roskaposti",                     // fi
		"Nevyžádaná pošta", "Nevyžádané", // cs
		"Nevyžiadaná pošta",                      // sk
		"Levélszemét",                            // hu
		"Önemsiz", "Önemsiz E-posta", "Gereksiz", // tr
		"Ανεπιθύμητα", "Ανεπιθύμητη αλληλογραφία", // el
		"迷惑メール",        // ja
		"垃圾邮件", "垃圾郵件", // zh
		"스팸", "스팸메일함", "스팸 메일함", "정크 메일", // ko
	},
	`\Archive`: {
		"Archive", "Archives", "Archived", // en
		"Archiv", "Archiviert", // de, cs
		"Archivo", "Archivados", // es
		"Archivio", "Archiviati", // it
		"Archief",               // nl
		"Arquivo", "Arquivados", // pt
		"Archiwum",       // pl
		"Архив", "Архів", // ru, uk
		"Arkiv", "Arkiverade", // sv, da, no
		"Arkisto",        // fi
		"Archív",         // sk
		"Archívum",       // hu
		"Arşiv",          // tr
		"Αρχείο",         // el
		"アーカイブ",          // ja
		"归档", "存档", "封存", // zh
		"보관함", "보관 편지함", // ko
	},
}

// specialRank is the place of each name in its list, by its folded spelling.
var specialRank = sync.OnceValue(func() map[string]map[string]int {
	ranks := map[string]map[string]int{}
	for use, names := range specialNames {
		ranks[use] = map[string]int{}
		for i, name := range names {
			ranks[use][foldName(name)] = i
		}
	}
	return ranks
})

// foldName is a name without regard to case and to how its accents are
// composed.
func foldName(name string) string { return foldCase(norm.NFC.String(name)) }

// containers are levels that hold nothing but special folders.
var containers = []string{"[Gmail]", "[Google Mail]"}

// specialLevel returns the level that may say what a folder is for: the only
// one that it has.
func specialLevel(levels []string) (name string, ok bool) {
	if len(levels) == 2 && slices.Contains(containers, levels[0]) {
		levels = levels[1:]
	}
	if len(levels) != 1 {
		return "", false
	}
	return strings.TrimSpace(levels[0]), true
}

// special is a folder that may be of a special use, on either side.
type special struct {
	index      int
	attributes []string
	levels     []string
}

// ofUse returns those that have a special use: by their attribute, else the
// one whose name is the likeliest, or is like that of the other side.
func ofUse(use string, all []special, other string) (found []special) {
	for _, s := range all {
		if slices.ContainsFunc(s.attributes, func(a string) bool { return strings.EqualFold(a, use) }) {
			found = append(found, s)
		}
	}
	if len(found) > 0 {
		return found
	}
	best := len(specialNames[use])
	for _, s := range all {
		name, ok := specialLevel(s.levels)
		rank, known := specialRank()[use][foldName(name)]
		if foldName(name) == foldName(other) {
			rank = -1
		}
		if ok && known && rank < best && !isOther(use, s.attributes) {
			found, best = []special{s}, rank
		}
	}
	return found
}

// isOther reports whether attributes say that a folder is for another use.
func isOther(use string, attributes []string) bool {
	return slices.ContainsFunc(attributes, func(a string) bool {
		return !strings.EqualFold(a, use) && slices.ContainsFunc(specialUses,
			func(u string) bool { return strings.EqualFold(a, u) })
	})
}
