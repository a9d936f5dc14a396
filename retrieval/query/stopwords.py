"""The words of a question that name nothing: they say what kind of answer is wanted, or only join the others.

They weigh little when a question is ranked and are never left out of documents (3 % fewer first hits). Short
lists of our own: long ones hold words that name things (us, who, fire, bill, state).
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Stopwords:
    """One language's words, folded, by what they ask for.

    `join` holds the rest. `greet` is small talk: it names nothing where a message holds nothing else. In
    scripts without spaces all are strings to look for, elsewhere whole words.
    """

    who: frozenset[str]
    when: frozenset[str]
    where: frozenset[str]
    count: frozenset[str]
    why: frozenset[str]
    what: frozenset[str]
    join: frozenset[str]
    greet: frozenset[str]

    @property
    def function_words(self) -> frozenset[str]:
        return frozenset().union(self.who, self.when, self.where, self.count, self.why, self.what, self.join)


def _lexicon(**words: str) -> Stopwords:
    return Stopwords(**{field.name: frozenset(words[field.name].split()) for field in fields(Stopwords)})


STOPWORDS = {
    "en": _lexicon(
        who="who whom whose",
        when="when",
        where="where",
        count="many much",
        why="why",
        what="what which how whats",
        join="a an the of in on at to for by with from as and or is are was were be been being do does "
        "did has have "
        "had can could will would should may might must it its this that these those there their they he "
        "she his "
        "her him them i you we my your our me us please tell about any some than then into",
        greet="hello hi hey thanks thank bye goodbye ok okay yes no good morning evening night day nice "
        "great very welcome dear",
    ),
    "de": _lexicon(
        who="wer wen wem wessen",
        when="wann",
        where="wo wohin woher",
        count="viele viel wieviel wieviele",
        why="warum weshalb wieso wozu",
        what="was welche welcher welches welchen welchem wie womit wofür worin worauf woraus wodurch "
        "worüber wovon",
        join="der die das den dem des ein eine einer eines einem einen und oder von vom zu zum zur in im "
        "an am auf "
        "für mit bei nach aus als um über durch ist sind war waren wird werden wurde wurden worden sein "
        "hat haben "
        "hatte hatten kann können konnte konnten gibt gab es sie er ihr ihre ihren ihrer seine "
        "seiner sich "
        "man ich du wir mich mir uns bitte dass dies diese dieser dieses",
        greet="hallo hi danke servus moin tschüss ja nein ok guten morgen abend nacht tag gut sehr schön",
    ),
    "ru": _lexicon(
        who="кто кого кому кем ком чей чья чье чьи",
        when="когда",
        where="где куда откуда",
        count="сколько скольких скольким",
        why="почему зачем отчего",
        what="что чего чему чем какой какая какое какие какого какую каких каким какими каком как "
        "которая "
        "который которое которые",
        join="в во на с со к ко о об от до из за по для при под над у и или а но не ли же бы быть был "
        "была было были "
        "есть это этот эта эти этого его ее их он она оно они я ты мы вы мне нам вам меня нас себя свой",
        greet="привет здравствуй здравствуйте спасибо пока да нет ок большое добрый доброе утро вечер "
        "день очень приятно",
    ),
    "uk": _lexicon(
        who="хто кого кому ким чий чия чиє чиї",
        when="коли",
        where="де куди звідки",
        count="скільки скількох",
        why="чому навіщо",
        what="що чого чим який яка яке які якого якої яку яких яким як",
        join="в у на з із зі до від за по для при під над і й та або а але не чи же б бути був була було "
        "були є це цей "
        "ця ці його її їх він вона воно вони я ти ми ви мені нам",
        greet="привіт вітаю дякую бувай так ні дуже добрий день вечір ранок",
    ),
    "ar": _lexicon(
        who="من لمن بمن",
        when="متي",
        where="اين",
        count="كم",
        why="لماذا لم لما",
        what="ما ماذا ماهو ماهي اي ايه اية كيف بماذا بما مما فيما عما هل",
        join="في علي الي عن مع بين هو هي هم هما ان انه كان كانت كانوا يكون تكون قد التي الذي الذين هذا "
        "هذه ذلك تلك "
        "و او ثم لقد تم عند منذ حتي انا نحن انت لي لنا",
        greet="مرحبا اهلا شكرا نعم السلام عليكم صباح الخير مساء جزيلا",
    ),
    "fa": _lexicon(
        who="کسی چهکسی",
        when="کی زمانی چهزمانی",
        where="کجا",
        count="چند چقدر",
        why="چرا",
        what="چه چیست کدام چگونه چطور آیا ایا",
        join="در به از با را و یا که این ان است بود شد شده می برای هم تا بر",
        greet="سلام مرسی ممنون بله خداحافظ",
    ),
    "zh": _lexicon(
        who="谁 什么人 哪位 哪个人",
        when="何时 什么时候 什么时间 哪一年 哪年",
        where="哪里 哪儿 何处 在哪 什么地方",
        count="多少 几个 几 多大 多长 多高 多远 多久",
        why="为什么 为何 什么原因",
        what="什么 哪些 哪个 哪一个 哪种 哪 怎么 怎样 如何 是否 何种",
        join="的 了 吗 呢 是 在 有 被 和 与 于 请问 请 告诉我",
        greet="你好 您好 谢谢 再见 早上好 晚安",
    ),
    "ja": _lexicon(
        who="誰 だれ どなた",
        when="いつ 何年 何月 何日 何時",
        where="どこ どちら",
        count="いくつ いくら 何人 何個 何回 何本 どのくらい どれくらい",
        why="なぜ 何故 どうして",
        what="何 なに なん どの どれ どんな どう どのように ですか ますか でしたか ましたか か",
        join="は が を に の で と も へ から まで より です ます した する して いる ある れた",
        greet="こんにちは こんばんは おはよう ありがとう さようなら",
    ),
    "ko": _lexicon(
        who="누구 누가",
        when="언제",
        where="어디",
        count="몇 얼마",
        why="왜",
        what="무엇 무슨 어떤 어느 어떻게",
        join="은 는 이 가 을 를 의 에 에서 와 과 로 으로 도 인가 입니까 인가요 있는 있나요",
        greet="안녕 안녕하세요 감사합니다 고마워",
    ),
    "tr": _lexicon(
        who="kim kimi kime kimin kimler kimdir",
        when="zaman",
        where="nerede nereye nereden neresi nerededir",
        count="kaç kaçtır kaçı",
        why="neden niçin niye",
        what="ne nedir neyi neye nelerdir hangi hangisi nasıl neler mi mı mu mü midir",
        join="bir bu şu o ve veya ile için de da ki olan olarak olduğu gibi kadar en çok daha ben sen biz "
        "siz var vardır",
        greet="merhaba selam teşekkürler teşekkür sağol evet hayır tamam günaydın iyi günler akşamlar "
        "geceler ederim",
    ),
    "es": _lexicon(
        who="quién quien quiénes quienes",
        when="cuándo cuando",
        where="dónde donde adónde",
        count="cuántos cuántas cuánto cuánta cuantos cuantas cuanto cuanta",
        why="porqué",
        what="qué que cuál cual cuáles cuales cómo como",
        join="el la los las un una unos unas de del a al en por para con sin sobre y o u e es son fue "
        "fueron era eran ser "
        "se su sus lo le les ha han había hay está están estaba este esta estos estas ese esa me mi te "
        "nos yo",
        greet="hola gracias adiós sí no muchas buenos buenas días tardes noches",
    ),
    "fr": _lexicon(
        who="qui",
        when="quand",
        where="où",
        count="combien",
        why="pourquoi",
        what="que quoi quel quelle quels quelles comment qu",
        join="le la les l un une des de d du à au aux en dans par pour avec sur et ou est sont était "
        "étaient a ont été "
        "être se s sa son ses leur leurs il elle ils elles on ce c cet cette ces y n ne t je j me m nous "
        "vous",
        greet="bonjour salut merci oui non bonsoir beaucoup bonne nuit",
    ),
    "it": _lexicon(
        who="chi",
        when="quando",
        where="dove dov",
        count="quanti quante quanto quanta",
        why="perché",
        what="che cosa cos quale quali qual come",
        join="il lo la i gli le l un uno una di d del dello della dei degli delle a al allo alla ai agli "
        "alle da dal dalla "
        "in nel nella nei con su sul sulla per e o è sono era erano stato stata stati fu si ha hanno suo "
        "sua suoi",
        greet="ciao salve grazie buongiorno sì no buonasera notte mille",
    ),
    "pt": _lexicon(
        who="quem",
        when="quando",
        where="onde aonde",
        count="quantos quantas quanto quanta",
        why="porque porquê",
        what="que qual quais como",
        join="o a os as um uma de do da dos das em no na nos nas por para com sem sobre e ou é são foi "
        "foram era eram ser "
        "se seu sua seus suas ao à aos às há tem têm está estão este esta esse essa",
        greet="olá oi obrigado obrigada tchau sim não bom boa dia tarde noite muito",
    ),
    "nl": _lexicon(
        who="wie wiens",
        when="wanneer",
        where="waar waarheen waarvandaan",
        count="hoeveel",
        why="waarom",
        what="wat welk welke hoe",
        join="de het een van in op aan te voor door met bij naar uit als en of is zijn was waren wordt "
        "worden werd werden "
        "heeft hebben had hadden kan kunnen er zich ze zij hij hun haar dit dat deze die",
        greet="hallo hoi dank bedankt ja nee goede morgen avond goed",
    ),
    "pl": _lexicon(
        who="kto kogo komu kim czyj czyja czyje",
        when="kiedy",
        where="gdzie dokąd skąd",
        count="ile ilu",
        why="dlaczego czemu",
        what="co czego czym jaki jaka jakie jakiego jakiej jaką jakich jak który która które którego "
        "której którym czy",
        join="w we na z ze do od za po dla przy pod nad i lub a ale nie o jest są był była było były być "
        "to ten ta te się "
        "jego jej ich on ona oni przez",
        greet="cześć dziękuję dzięki tak dzień dobry wieczór bardzo",
    ),
    "cs": _lexicon(
        who="kdo koho komu kým čí",
        when="kdy",
        where="kde kam odkud",
        count="kolik kolika",
        why="proč",
        what="co čeho čím jaký jaká jaké jakého jak který která které kterého kterém zda",
        join="v ve na s se z ze do od za po pro při pod nad i nebo a ale ne o je jsou byl byla bylo byli "
        "být to ten ta ty "
        "si jeho její jejich on ona oni",
        greet="ahoj díky děkuji ano dobrý den večer",
    ),
    "ro": _lexicon(
        who="cine cui",
        when="când",
        where="unde",
        count="câți câte cât câtă cati cate",
        why="dece",
        what="ce care cum",
        join="un o unui unei al a ai ale de din în la pe cu pentru prin despre și sau este sunt era erau "
        "fost fi au se "
        "s să că lui ei lor său sa",
        greet="bună salut mulțumesc da nu",
    ),
    "el": _lexicon(
        who="ποιοσ ποιον ποια ποιοι ποιεσ ποιου ποιασ ποιων",
        when="πότε ποτε",
        where="πού που",
        count="πόσοι πόσεσ πόσα πόσο πόση πόσων ποσοι ποσεσ ποσα ποσο",
        why="γιατί γιατι",
        what="τι ποιο πώσ πωσ ποιά ποιό ποιόσ ποιόν ποιοί",
        join="ο η το οι τα του τησ των τον την στο στη στον στην στα στουσ στισ σε από με για και ή είναι "
        "ήταν να θα έχει "
        "έχουν είχε ένα μια μία ένασ ότι ωσ κατά",
        greet="γεια σασ ευχαριστώ ναι όχι",
    ),
    "hi": _lexicon(
        who="कौन किसने किसे किसको किसका किसकी किसके किन्होंने",
        when="कब",
        where="कहाँ कहां",
        count="कितने कितनी कितना",
        why="क्यों",
        what="क्या कौनसा कौनसी किस कैसे कैसा कैसी किन",
        join="का की के को से में पर ने है हैं था थी थे हो होता होती और या यह वह ये वे एक भी ही तो कि जो "
        "लिए साथ द्वारा गया "
        "गई गए किया हुआ हुई इस उस सा सी",
        greet="नमस्ते नमस्कार धन्यवाद शुक्रिया हाँ नहीं",
    ),
    "th": _lexicon(
        who="ใคร ผู้ใด",
        when="เมื่อไหร่ เมื่อใด เมื่อไร ปีใด ปีไหน",
        where="ที่ไหน ที่ใด",
        count="เท่าไร เท่าไหร่ เท่าใด กี่",
        why="ทำไม เพราะเหตุใด",
        what="อะไร อย่างไร ไหน ใด หรือไม่ ยังไง",
        join="เป็น คือ ของ และ ใน ที่ มี ได้ จาก ให้ โดย กับ ว่า",
        greet="สวัสดี ขอบคุณ",
    ),
    "vi": _lexicon(
        who="ai",
        when="khi",
        where="đâu",
        count="mấy bao nhiêu",
        why="sao",
        what="gì nào thế",
        join="là của và các những một được bị có đã cho với trong ở từ để do bởi này đó về vào như tại vì",
        greet="chào cảm ơn xin buổi sáng",
    ),
    "sv": _lexicon(
        who="vem vems vilka",
        when="när",
        where="var vart varifrån",
        count="många mycket",
        why="varför",
        what="vad vilken vilket hur",
        join="en ett den det de av i på till för med från och eller är vara blev blir har hade kan "
        "att som sin sitt sina "
        "han hon dess deras om",
        greet="hej tack ja nej god morgon kväll",
    ),
    "da": _lexicon(
        who="hvem hvis",
        when="hvornår",
        where="hvor hvorfra",
        count="mange meget",
        why="hvorfor",
        what="hvad hvilken hvilket hvilke hvordan",
        join="en et den det de af i på til for med fra og eller er var være blev bliver har havde kan at "
        "som sin sit sine "
        "han hun om",
        greet="hej tak ja nej",
    ),
    "no": _lexicon(
        who="hvem",
        when="når",
        where="hvor",
        count="mange mye",
        why="hvorfor",
        what="hva hvilken hvilket hvilke hvordan",
        join="en et ei den det de av i på til for med fra og eller er var være ble blir har hadde kan at "
        "som sin sitt sine "
        "han hun om",
        greet="hei takk ja nei",
    ),
    "fi": _lexicon(
        who="kuka kenen ketä kenelle kenet ketkä",
        when="milloin koska",
        where="missä mistä mihin minne",
        count="kuinka montako moni monta paljonko",
        why="miksi",
        what="mikä mitä minkä mitkä millainen miten",
        join="on oli ovat olivat ja tai se ne hän he että joka jotka oliko onko",
        greet="hei moi kiitos kyllä ei",
    ),
    "hu": _lexicon(
        who="ki kit kinek kik",
        when="mikor",
        where="hol hová honnan",
        count="hány mennyi",
        why="miért",
        what="mi mit milyen melyik hogyan mely",
        join="a az egy és vagy van volt voltak hogy is nem ez ezt",
        greet="szia helló köszönöm igen",
    ),
    "id": _lexicon(
        who="siapa siapakah",
        when="kapan kapankah",
        where="mana dimana",
        count="berapa berapakah",
        why="mengapa kenapa",
        what="apa apakah bagaimana",
        join="yang di ke dari dan atau adalah untuk dengan pada oleh ini itu dalam tidak ada",
        greet="halo terima kasih ya selamat pagi malam",
    ),
    "he": _lexicon(
        who="מי",
        when="מתי",
        where="איפה היכן לאן",
        count="כמה",
        why="למה מדוע",
        what="מה איזה איזו אילו איך כיצד האם",
        join="של את על עם אל מן הוא היא הם זה זו היה היתה היו או גם כי לא יש",
        greet="שלום תודה כן",
    ),
}
