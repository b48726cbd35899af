"""Words that give a language away: the small words of its grammar, and the plain words any job post uses.

Names, places and brands are left out: they say what a post is about, not what it is written in. Languages written in
Latin letters by habit rather than by rule (Hindi, Burmese, Thai …) are listed as people type them in messages; there is no
standard spelling, and so the common variants stand side by side. Words that neighbours share stand with each of them.
"""

_MALAY = (
    "yang yg dan dn di ke dari drpd untuk utk dengan dgn pada kepada oleh dalam dlm luar ini itu ada adalah akan sudah sdh telah "
    "lagi lg juga jg hanya sangat lebih paling semua smua setiap tiap banyak satu dua tiga empat lima enam seorang dia mereka "
    "kita kami saya sy aku anda kamu atau tetapi tapi jika kalau supaya agar sampai sejak antara tanpa secara boleh tidak tdk "
    "bukan belum jangan siapa apa mana bila kenapa berapa org orang bulan tahun thn hari jam malam pagi petang minggu kerja "
    "bekerja pekerja pekerjaan gaji upah cari mencari dicari carikan pengalaman berpengalaman umur perempuan laki rumah makan "
    "minum tempat tinggal tiket bayar dibayar terus langsung datang pergi balik masuk keluar ambil buat bagi beri dapat dpt tahu "
    "minta tolong hubungi sila baru lama sini situ sana sekarang nanti esok sendiri anak ibu kakak adik abang bahasa harus perlu "
    "mesti wajib tawar tawaran berminat bermula hingga ribu juta tulis baca sedia disediakan diperlukan kawan keluarga sekolah "
    "jual beli harga hutang potong pakai sehari sebulan seminggu harian bulanan tahunan asrama serta umum kosong sebab kapal "
    "dekat turun naik tukang masak penuh minat daftar pembantu warung sekitar mahir jaga dengar sebelah bos tipu ditipu cuti "
    "daerah hotel restoran kontrak komisi bonus wawancara rajin jujur sihat diri bawah atas pelanggan masa mohon kawasan jabatan "
    "pokok pun ataupun tengah balai panggilan kena rakyat keselamatan duit kebun tanya sama melalui belajar setahun sabtu syarat "
    "hidup wanita habis masih terima kasih sesuai rabu selasa penipuan sebagai seperti tersebut ditanggung cuma tau kota ijazah "
    "guna pandai"
)
_INDONESIAN = (
    "nggak gak ga enggak ngga bisa bs aja saja udah udh uda gue gua gw lo lu elu loe banget bgt karena krn kalo klo sm dong sih "
    "deh nih tuh kok yuk ayo cuman doang kak bang mbak mas bapak bpk pak bu om lowongan loker lowker jt rupiah rp rb perusahaan "
    "karyawan karyawati kantor pabrik toko gudang bengkel proyek borongan satpam kasir supir sopir penempatan lulusan pendidikan "
    "minimal maksimal usia pria cowok cewek gratis lamar lamaran kirim kirimkan butuh dibutuhkan membutuhkan kebutuhan "
    "persyaratan penghasilan senin kamis jumat ktp sma smk lokasi mau ingin gampang inggris istri paspor bandara pesawat mobil "
    "sepeda uang rekening bahwa beberapa punya diutamakan tersedia berangkat kerjaan teman temen kapan bagaimana gimana mengapa "
    "besok kemarin sore siang jl nomor telepon polisi gedung kamar kost mess nyari nyariin bikin ngetik mengetik nunggu ngomong "
    "bilang ketemu dapet nanya makasih silahkan silakan infonya kab kecamatan desa dusun menit detik tunjangan lembur sehat tato "
    "tindik libur hubungin korban yaitu maupun para adanya merupakan berbagai terhadap bahkan pengen kayak kyk abis emang memang"
)
_MALAY_OF_MALAYSIA = (
    "tak tk takde takda takdak xde xda xpe takpe takpa nak nk hendak kat dkt dah macam mcm sapa je jer jela sahaja shj la lah ni "
    "tu kot jugak awak korang kitorang kitaorang diorang depa hang hampa engkau ko dorang brape berape camne camna cik encik puan "
    "tuan akak rm kekosongan jawatan ringgit sen kerana sbb pejabat ofis akaun kilang syarikat kompeni majikan kakitangan "
    "temuduga temu duga kelulusan spm stpm permohonan kenderaan lori motosikal lapang pasport isteri bahawa universiti lelaki "
    "budak elaun caruman kwsp perkeso epf socso isnin khamis jumaat ahad tengahari wasap mesej ejen syif percuma nombor telefon "
    "bandar pekan kedai jumpa cakap ckp wang sijil polis khidmat perkhidmatan kerajaan hujung sebarang sekiranya manakala iaitu "
    "warganegara lesen memandu tempatan kediaman pengangkutan sebilik belah berdekatan mangsa sindiket siasatan bagitahu tengok "
    "bawak bwk pegi pi mai rehat reti penyelia pengurus kerani jurujual juruwang pemandu gerai boss separuh sambilan lepasan "
    "hantar menghantar lepas hospital pengawal ladang bengkel daftarkan yuran bayaran"
)
_HINDUSTANI = (
    "hai hain h hn ho hoon hu hun ka ke ki ko se me mein mai main aur or kar kr karo kro karna krna karke karne karein kare "
    "karega karenge karta karte karti kiya kia kya kyu kyun kyunki nahi nahin nhi nai na mat bhai bhaiya apna apni apne apko aap "
    "aapko aapka aapke aapki hum hume hame humara hamara hamare hamari humari tum tumhe tumhara tu tujhe mera meri mere mujhe ye "
    "yeh wo woh vo jo koi kuch kuchh kaam kam chahiye chaiye chahie chahye chaheye chahte milega milegi milenge mila milta mile "
    "rahe raha rahi rhe rha rhi liye lie bhi toh to ab abhi bahut bohot paise paisa ghar wala wale wali vale jaldi sab sabhi tha "
    "thi the hoga hogi honge bol bola bolo bole ek do teen char panch pe par tak tk saath sath sirf bas phir fir kal aaj roz din "
    "mahina mahine saal log logo logon ladka ladke ladki ladkiyan dono alag alg yaar dost dosto doston bata batao bataya jao ja "
    "jana jane jata jaye jayega aao aa aaya aana aaye aayega gaya gayi gaye gya lagega lagta laga kab kahan kaha kaise kaisa "
    "kitna kitne agar lekin magar han haan ji jaise wahan waha yahan yaha chalega chalegi chalta chalti chalo lena lo dena de "
    "diya dedo dere lete leke denge dega liya naukri bina seedha sidha pehle phle baad bad andar bahar paas pas hua hue hui huya "
    "wapas rakho rakhna rakha sakta sakte skta sake hazar hazaar lakh gharwale khana rehna rahna kamra kiraya kiraye kamai kamao "
    "kamana kamaye ghante ghanta baje mil milo dekho dekh suno samajh pata pta wahi yahi isme usme uska unka inka isko usko iske "
    "uske iska unke sahi galat asli naya naye nayi bada chota bhejo bhej bhejna likho likhna padh padhna bharosa zaroorat zarurat "
    "jarurat matlab kisi kisko jis jisko jiske apun haal kharcha mehnat bheja bheje zaroori zaruri umar umra ya aise aisa waise kyonki isliye "
    "sikha sikhna baat bat gaon shehar baki baaki"
)
_LATIN = {
    "en": "the and of to in for with is are you your we our us not be on at this that these those it its from will have has had was were "
    "been can could would should may must do does did but or if as by an a i my me he she they them his her their who what when where "
    "which how all any more most some no yes out up about into over after before per each every only also just get got need needed "
    "want wants looking needed working paid hiring required provided apply send contact using under there here someone anyone everyone nothing "
    "something without within while than then so such own same other others many much few well very still now today again don dont im ive its "
    "youre cant wont isnt let make made take give given come go going went see know think please thank thanks "
    "day days week weeks month months year years hour hours night time people person men women man woman good new call work",
    "id": f"{_MALAY} {_INDONESIAN}",
    "ms": f"{_MALAY} {_MALAY_OF_MALAYSIA}",
    "tl": "ang ng mga sa na at ay ko mo ka po ho ito ito'y yung yun yong iyon iyan yan nyan lang lng naman nmn kasi kse para may meron wala "
    "wla walang hindi hnd di kung kapag pag pagka ba pa din rin daw raw nung noong nang siya sya kami tayo kayo sila ako aq ikaw kita "
    "namin natin niyo nyo ninyo nila nya niya aming ating inyong kanila kanya akin amin atin inyo dito doon diyan dyan rito ngayon "
    "bukas kahapon mamaya lahat bawat ibang iba isa isang dalawa tatlo apat lima anim trabaho trabahong sahod swelduhan sweldo sahuran "
    "pwede puwede pede gusto kailangan kelangan kailangang hanap naghahanap hanapin sino sinong ano anong saan bakit paano paanong kailan "
    "ilan magkano opo oo si sina ni nina kay kina o mag nag maka pag mas basta agad lipad alis libre libreng tirahan bahay babae lalaki "
    "lalake anak nanay tatay ate kuya kapatid kaibigan mare pare tao taong araw gabi buwan linggo taon oras umaga hapon tulong pera bayad "
    "bayaran walang may-ari kahit khit bata edad tapos pero saka dahil gawin gagawin ginagawa gawa sabi sinabi sabihin punta pumunta "
    "pupunta galing mula hanggang habang muna ulit uli nga talaga sobra sobrang marami maraming konti kaunti malaki maliit mabilis "
    "mabait masipag marunong pasok uwi umuwi kain pagkain tulog alam alamin ingat salamat kabayan tita tito sama kasama sumama "
    "kunin kuha kumuha dala dalhin magdala padala ipadala bigay nagbibigay ibigay hawak tawag tumawag tanong text txt mensahe bisan akong "
    "imong kinahanglan nga og ug kanang naa dili wala unsa asa adlaw sweldo kini siya niini",
    "vi": "va cua cho khong ko k co duoc dc nguoi lam viec luong nhan voi cac nhung ban em anh chi minh di lien he tuyen dung can mot nu nam "
    "o la thi nay kia gi ai khi neu nha ngay thang gio ve den tu toi biet nghe tien nhanh tim dang goi quan ca sang chieu toi phuc vu cong "
    "ty nghiep xe an nghi hay rat nhieu it hon vua sau truoc trong ngoai tren duoi the roi ma nhe nha a oi lai lan con cung deu chua se "
    "da bi bao moi tuoi trieu tr ngoi thoai so dien bang tieng phong van nhan hoc sinh vien tap mua gia bam bao lo may cam em ib inbox "
    "nuoc khach hang dam bo chuyen gui nop hang ngay thu nhap noi",
    "sw": "na ya wa kwa ni za la cha vya pa ku katika hii hiyo hizi hizo huyo hapa hapo huku huko hayo watu mtu wote yote lakini mimi sisi wewe "
    "yeye wao nyinyi yako yangu yake yetu yao wako wangu bila kama sana leo kesho jana pesa hela kila mshahara kazi ajira nafasi mwezi miezi "
    "siku saa njoo piga simu tuma wasiliana nasi karibu bure tu pia au ili sasa sahii asubuhi jioni usiku mchana kutoka hadi mpaka zaidi "
    "kuhusu moja mbili tatu nne tano unaweza anaweza tunatafuta kuwa ana nina tuna wana una kuna hakuna haina iko ipo yuko ndio hapana sawa "
    "asante habari ndugu dada kaka mama baba mtoto watoto nyumba chakula malazi kijana vijana wafanyakazi kampuni nje nchi kwenda kuja "
    "kufanya lazima tafadhali mwenye wenye ambao ambaye kwamba",
    "hi-Latn": _HINDUSTANI,
    "ur-Latn": f"{_HINDUSTANI} mulazmat mulazim mulazmeen tankhwah tankhuwa darkar darkaar rabta hazrat khawateen baraye bohat hy hen kren "
    "ky waghera taleem tajurba tajarba raabta assalam alaikum alikum asslam inshallah mashallah janab larka larke larki larkay "
    "mutabiq mahana maahana rihaish bairoon bairun mulk khwahishmand foran yahin idara",
    "bn-Latn": "ami tumi apni amar tomar apnar amader apnader tomader kaj kaaj korte korbo korben korun korle kora kore hobe hoi hoy nai nei "
    "ache achhe achen lagbe taka bhai vai apu kono jabe jaben jete ekta ekjon keu na ta te theke er jonno jonne ar o kintu sathe ghore bose "
    "mashik mashe beton chakri chakrir din mase joldi taratari jogajog jogajug dorkar lok meye chele bhalo valo kobe kothay kemon koto "
    "shudhu sudhu sob ei oi eta ota diye dibe niye nibo bidesh thaka khawa bolun bolte parle parbe parben chai chaile",
    "ta-Latn": "enna illa illai irukku iruku irukkum irukanga venum vendum vela velai velaiku sambalam naan nan neenga neengal unga ungal ungaluku "
    "enga engal namma epdi eppadi eppo yaar yaru romba nalla panna pannunga pannanum pannitu pandra panra irundha iruntha irundhu oru rendu "
    "moonu kidaikum kedaikum vaanga vanga poga ponga poganum vandhu vanthu anna akka thambi thangachi amma appa dei machan machi da bro ku la "
    "nu than thaan ana aana adhu athu idhu ithu inga anga veetla veedu saapadu sappadu thangum thangal maasam masam maadham veliya velinaadu "
    "solli sollunga sonnanga kelunga theriyum theriyathu theriyala mattum kooda ellam ellaarum avan aval avanga innum seri sari ille ipo ippo "
    "indha intha antha andha aagum aachu kaasu panam ooru pasanga ponnu payyan",
    "si-Latn": "mama oya oyala oyage mage ape api eya eyala mage eka ekak ekata thiyenawa tiyenawa thiyenne tiyenne nathi naha nehe ne neda mokada "
    "mokakda kohomada koheda kawda kiyala kiyanna kiyanne wada weda wadak rassawa rassawak rakiyawa salli masekata mase padi padiya gana gaana "
    "witharak witarak ona one puluwan puluvan karanna karanne kara karala dan den heta ada eeye iye malli akka ayya nangi machan machang wenawa "
    "una giya enawa yanna yanawa inna innawa inne ganna ganne denna denawa nowe newe hari hondai honda godak tikak lamai kella kollo gedara "
    "rata raten pitarata kama newathan nawathanna mokuth okkoma wage nisa hinda thama tama ekko habai eth ekka",
    "am-Latn": "ena nachew nech nesh neh naw sra sira sraw siraw yelem alle alech alachew birr dewel dewlu dewulu beka hager lela ayidelem aydelem "
    "ebakachu ebakih ebakish yet mechi enante antem anchi lenante yemifelig yemifelg yifelegal yifeligal befit gin ahun neger sew sewoch bicha "
    "betam bzu bizu amet wer wor beqen qen lemin lemn min endet indet yihe yehe yichalal yechalal tadiya wendime wendme ehete ehte lij lijoch "
    "bet dereje demoz demewoz kefya kifya mawek metach alebet alebachew tefelge tefelgo endemin selam tena yistilign ameseginalehu eshi ishi "
    "gebtew hidew yalkal alku alu hone honu",
    "ne-Latn": "cha chha chan chhan chaina chhaina ho hoina hos huncha hunchha hune bhayo bhako bhayeko bhaeko gareko garne garnu garna garera "
    "garnus garnuhos garxa garchu gardai hami hamro tapai tapailai timi timro malai lai haru ko ma le bata dekhi samma sanga ra ani pani pni "
    "ni ke kati kaha kina kasari kaam kam paisa talab jagir rojgar chahiyo chaiyo chahincha parcha parchha parne dai bhai didi bahini yo tyo "
    "aayo aako aaera aau aauna gayo gako jana jane herne matra bhanda bhane bhanera dincha dine rakheko khana basna basne mahina barsa lagi "
    "lagcha hernus sabai aba hijo aaja bholi sathi xa xaina vayo hola holaa ta nai",
    "fr": "de la le les des du et en à au aux pour par avec sur dans une un est sont nous vous votre notre nos vos qui que ou où pas plus ne se "
    "ce cette ces il elle ils mon ma mes son sa ses je j ai cherche recherche travail emploi poste chez sans depuis très être avoir",
    "it": "di il lo la gli le un una uno per con che e è sono del della dei delle nel nella al alla da dal in su non si ci cercasi cerco cerca "
    "lavoro anche come più presso siamo nostra nostro vostro tempo pieno",
    "de": "der die das und ist für mit wir sie ein eine einen im in den dem des von zu zum zur auf bei nach sind wird nicht ich auch oder als "
    "suchen sucht suche arbeit stelle ihre unser unsere haben bitte",
    "nl": "de het een en van ik je wij we zijn is niet op voor met aan dat die er bij naar ook maar om te uit wordt zoeken gezocht werk "
    "jouw ons onze wat heb hebben geen",
    "pl": "i w na z się nie jest to do od za po dla jak że przez oraz czy są być może praca pracy szukam szukamy mam ma już tylko bez pod "
    "nas was ich ale tak co",
    "ro": "și si de la în pe cu nu este sunt pentru din un o care mai se ce sau să sa am ai au fost prin la noi voi lor dar foarte caut "
    "căutăm angajăm lucru muncă fără după",
    "tr": "ve bir bu için ile çok da de ne var yok mı mi değil gibi daha olarak ama kadar sonra en iş maaş arıyoruz aranıyor bizim sizin "
    "olan her şey ben biz",
    "es": "de la el los las que en y para con por una un se no su del al es lo como más mas pero sus le ya este esta son entre cuando muy sin "
    "sobre también ser hay donde quien desde todo todos nos te si trabajo trabajar empleo sueldo mensual empresa buscamos requisitos "
    "experiencia personas años vacante enviar oferta gratis pago",
    "pt": "de a o os as que em e para com por uma um se não nao seu sua do da dos das no na nos nas ao mais mas como é são ser você voce vc "
    "ou também já até quem muito sem sobre trabalho trabalhar vaga vagas salário salario empresa requisitos experiência anos enviar "
    "estamos conhecimento contratação mensal grátis",
    "uz": "va uchun bilan ish kerak bor yoki yo emas bu siz sizga bizda biz bizga oylik maosh ham lekin juda shu qilish qilib kuniga oyiga "
    "ishga ishlash ishchi kishi yosh yoshdan yoshgacha bepul yotoq ovqat tajriba shart pul har bir ikki uch kun oy yil qiz qizlar yigit "
    "yigitlar xohlovchilar murojaat aloqa telefon raqam bilgan biladigan kompyuter chet el uy joy olish berish beriladi boladi bo kim "
    "qancha qanday nima hozir faqat yaxshi katta yangi keladi ketish uchish",
    "th-Latn": "khrap krap krub khap kap kub kha ka khun pom phom chan dichan mai dai dee di na nai thi tee hai pai ma maa yu yoo lae kho tong chai "
    "tham tam ngan ngarn wan duean deuan duen baht bat khon kon nueng sanjai sonjai thak tak rai raka khao bot phim thai ni nee nan kan "
    "laeo leaw laew arai tae khoei sabai bo luk phi pii nong rao raw khao hong fri yang mak maak jing ching bok wa wan tok jai jaa cha ja "
    "prajam khai khae faen song ngoen kin thuk mee kor eng nidnoi tangprathet",
    "lo-Latn": "khoi khoy jao chao bor baw bo bo mi mee hed het viak viek yu you der de dee sabaidee khon kip deuan duan hai dai dy pai pay ma maa nam "
    "num kub kap lae leo laew phu pu sao bao hak hap khop khob chai jai thao nong noy noi ai eng inbox la hong ngan ngeun yak yaak va wa "
    "thak chak sai nai ka ok lot khao kin nyang yang gon lai tae vao hap pert hawt phun mue tangpathet tong kan thai",
    "my-Latn": "ma lay lae nae nay ne mhar mhr mha mar toh to dway dwe twe par pr pa tal tl tae dae te ya yin yan lo loh ka ko nyi nyima sar yite yike "
    "lasar lasr lan sayeit sayate shi shar hpwe tat bu buu mal me mae pyaw pyo pyaww pay pee pi kyaw kyar thein bal lauk twar thwar htwet "
    "loke lote alote alok akhan hta khan nin nga ngar nor naw shin khin byar bya kha thar thu ta yauk yaut hote hla ho di kg thein kyat a bet sin ein ain",
    "km-Latn": "knhom khnhom nhom kyom bong oun neak nak chea jea min mean mien trov truv trow rok rork sala luy lui ban baan knong nov nou kok pi "
    "moy muoy pir bei prak khae khe khaek thngai tngai tver tveu thveu thver kar srok srey bros proh phsar som chnam kru ning tov tow mok "
    "mork hz hery haey dael del ches jes ot ort te tae chuoy juoy pheak phiesa rean bontich khlun chong jong sen oy aoy ey avey nis nih nuh "
    "nung chen khmer pel kom kum ha hau prous vinh tang eng deik yul bav teang",
    "zh-Latn": "de shi bu wo ni ta men women nimen zai you he zhe na ge ren gong zuo gongzuo zhaopin zhao xinshui xin shui yue ru gongsi si bao "
    "chi zhu jia jiawei wei weixin dian hua dianhua lian xi lianxi nan nv chu guo qu lai yao hao duo shao qian kuai ma ba jiu jue dui xue li ke fu "
    "kefu liao tian da zi dazi",
}  # fmt: skip
_DEVANAGARI = {
    "hi": "है हैं हूँ हूं हो था थी थे का की के को में से पर ने और या भी ही नहीं मत यह ये वह वे इस उस कि जो कोई कुछ क्या कब कहाँ कहां कैसे लिए साथ तक बाद पहले "
    "कर करें करो करना करने करके रहा रही रहे गया गई गए हुआ हुई हुए होगा होगी होंगे चाहिए मिलेगा मिलेगी वाला वाले वाली अपना अपनी अपने आप आपको आपका हम हमें हमारे हमारी "
    "मैं मुझे मेरा मेरी तुम एक दो सब सिर्फ बस अब घर काम नौकरी वेतन महीने रुपये लोग लड़के लड़कियाँ",
    "ne": "छ छन् छैन छु छौं छौँ हो होइन हुन हुने हुन्छ थियो थिए भयो भएको भएका भने गर्न गर्ने गर्नु गर्नुहोस् गरेको गरी गरेर र पनि मा को ले लाई बाट सँग संग का "
    "कि यो त्यो यी हामी हाम्रो तपाईं तपाई तपाईंको म मेरो मलाई कसैले कुनै के कति कहाँ किन कसरी लागि सम्म देखि तथा वा मात्र चाहियो चाहिएको आवश्यक पर्छ पर्ने सक्ने "
    "दिइने दिने आउने जाने बस्ने खाने दाइ भाइ बहिनी दिदी सम्पर्क तलब रोजगारी कामदार जना",
    "mr": "आहे आहेत आणि नाही होते होता होती साठी मध्ये पण हे ही हा तो ती ते या त्या का की ने ला चा ची चे च्या करा करावे करून आम्ही आपण आपल्या तुम्ही तुमच्या "
    "पाहिजे हवे हवा हवी असेल असावे असणे आवश्यक महिना पगार नोकरी काम संपर्क झाले झाला केली केले किंवा व सर्व फक्त येथे",
}  # fmt: skip
_CYRILLIC = {
    "uz-Cyrl": "ва учун билан иш керак бор ёки эмас бу сиз сизга биз бизда бизга ойлик маош ҳам лекин жуда шу қилиш ишга ишлаш киши ёш ёшдан "
    "бепул ётоқ овқат тажриба шарт пул ҳар бир кун ой йил қиз йигит мурожаат алоқа",
}  # fmt: skip

WORDS: dict[str, dict[str, str]] = {"Latn": _LATIN, "Deva": _DEVANAGARI, "Cyrl": _CYRILLIC}
"""By script, by language: the words, in lower case, with a blank between."""
